"""Latent state to pixels."""
