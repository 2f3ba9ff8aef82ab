"""Import of published checkpoints and of models of other runs."""
