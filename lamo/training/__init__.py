"""Training loop, optimiser and seeds shared by every trained stage."""
