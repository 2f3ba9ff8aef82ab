"""Predictors of the next motion token, and the state baseline."""
