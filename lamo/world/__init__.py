"""The synthetic driving world: drives are simulated, rendered, and written as videos with labels."""
