"""Gaussian-mixture predictor of motion tokens."""
