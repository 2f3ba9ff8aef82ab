"""LaMo: a latent motion world model for long-horizon prediction."""
