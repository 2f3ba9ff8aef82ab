"""Autoregressive rollouts and their controls."""
