"""Zarr stores of frames, latents, motion tokens and rollouts, each finished by a manifest."""
