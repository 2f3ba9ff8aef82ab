"""Flow-matching predictor of motion tokens."""
