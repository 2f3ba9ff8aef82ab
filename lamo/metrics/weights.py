"""The files of weights that a run is given for its metrics, checked when the workflow starts.

A missing or wrong file is otherwise found after all trainings. Nothing is ever downloaded.
"""

from pathlib import Path

from lamo.errors import LamoError
from lamo.metrics.config import MetricsConfig
from lamo.stores.checksums import sha256

_STANDARD = {"fid": "inception-2015-12-05.pt", "lpips": "alexnet-owt-7be5be79.pth", "fvd": "i3d_torchscript.pt"}


def given_weights(metrics: MetricsConfig) -> dict[str, str | None]:
    """The path of each file by its key of the configuration; None where there is none."""
    return {f"metrics.{name}.weights": getattr(metrics, name).weights for name in _STANDARD}


def check_weights(metrics: MetricsConfig) -> None:
    """Check that the files are there and have the SHA-256 that the configuration states.

    Raises:
        LamoError: a file is missing or is another one.
    """
    for name, standard in _STANDARD.items():
        section = getattr(metrics, name)
        if section.weights is not None:
            _check_file(f"metrics.{name}", standard, Path(section.weights), section.sha256)


def _check_file(key: str, standard: str, path: Path, expected: str | None) -> None:
    advice = f"docs/scores.md says where to get it; with {key}.weights null the metric is left out"
    if not path.is_file():
        raise LamoError(f"{key}.weights: found no file {path}, expected {standard}; {advice}")
    if expected is None:
        return
    try:
        digest = sha256(path)
    except OSError as error:
        raise LamoError(f"{key}.weights: {path} cannot be read ({error.strerror}); make it readable") from None
    if not digest.startswith(expected):
        raise LamoError(
            f"{key}.weights: found SHA-256 {digest} of {path}, expected {expected} ({standard}); {advice}; for other "
            f"weights on purpose set {key}.sha256"
        )
