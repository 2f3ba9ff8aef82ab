"""Names of the control experiments, in the order in which tables show them.

They stand apart from `lamo.rollout.controls`, which runs them, so that the Snakefile can name their files without
loading PyTorch.
"""

CEILINGS = ("decoder_ceiling", "oracle_motion")
"""What a prediction can reach at best; tables show them above the learned rows."""

CONTROLS = (
    *CEILINGS,
    "constant_motion",
    "shuffled_motion",
    "persistence_pixels",
    "persistence_blurred",
    "persistence_latent",
)
