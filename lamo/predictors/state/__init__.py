"""Predictor of latent states: the baseline."""
