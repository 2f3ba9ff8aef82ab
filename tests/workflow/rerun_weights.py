"""Cases of the matrix of re-runs: networks that metrics use, and files of weights that are given."""

from rerun_jobs import NOTHING, SCORED, Case, configured, line_in


def given(metric: str) -> Case:
    """A file of weights. Any one will do: a dry-run does not load it."""
    return Case(
        f"weights of {metric}", SCORED, config=(f"metrics={{{metric}: {{weights: {__file__}, sha256: null}}}}",)
    )


WEIGHTS = [
    given("lpips"),
    given("fvd"),
    configured("metrics={fvd: {sha256: null}}", NOTHING),
    line_in("lamo/metrics/features/imagenet.py", SCORED),
    line_in("lamo/metrics/features/i3d.py", SCORED),
    line_in("lamo/metrics/perceptual.py", SCORED),
    line_in("lamo/metrics/weights.py", NOTHING),
]
