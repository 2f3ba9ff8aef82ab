"""Names of the control experiments, in the order in which tables show them.

They stand apart from `lamo.rollout.controls`, which runs them, so that the Snakefile can name their files without
loading PyTorch.
"""

IDEAL = "ideal_futures"
"""Other true futures of the same state, which the synthetic world alone can give; see `lamo.rollout.ideal_futures`."""

ORACLE = "oracle_motion"
"""The rollout with motion tokens inferred from the true frames."""

CEILINGS = (IDEAL, "decoder_ceiling", ORACLE)
"""What a prediction can reach at best; tables show them above the learned rows."""

CONTROLS = (
    "decoder_ceiling",
    ORACLE,
    "constant_motion",
    "shuffled_motion",
    "persistence_pixels",
    "persistence_blurred",
    "persistence_latent",
)
"""Those that every run has."""

ALL_CONTROLS = (IDEAL, *CONTROLS)
