"""`lamo windows`: the observed frames of a run's windows, for somebody else's model."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from lamo.tools.arguments import add_run, program_parser, run_folder
from lamo.tools.score.places import check_new

ABOUT = """\
Export what somebody else's model needs to predict the windows of a run. FOLDER then holds

  windows.json             the windows of both sets, and how many frames of which size and rate to predict
  observed/<id>.npy        the observed frames of a window: uint8 [F, H, W, 3], RGB
  observed/<id>.mp4        the same to look at, each pixel drawn as 2 x 2

The .npy files are the frames themselves; a video is compressed and only nearly the same. The windows "several"
are scored with several futures each; the windows "single" with one each, for distances between distributions.
Windows of a clip overlap, so the observed frames of one are the future of another: predict each from its own frames
alone. `lamo score --help` says in which form it takes predictions."""


def parser() -> argparse.ArgumentParser:
    """The command line of `lamo windows`."""
    parser = program_parser(
        "windows",
        ABOUT,
        "lamo windows results/demo -o windows-of-demo",
        "lamo windows results/demo -o windows-with-truth --truth",
    )
    add_run(parser)
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FOLDER", help="a new folder")
    parser.add_argument(
        "--truth",
        action="store_true",
        help="also the frames that came next, truth/<id>.npy and .mp4; for looking only: a model that sees them "
        "predicts nothing",
    )
    return parser


def main(arguments: Sequence[str]) -> int:
    """Export the windows.

    Raises:
        LamoError: there is no such run, it is not finished or damaged, or the folder cannot be made.
    """
    given = parser().parse_args(arguments)
    run = run_folder(given.run)
    check_new(given.output, run)
    # Imported late: PyArrow and PyTorch take seconds, and the arguments may be wrong.
    from lamo.tools.score.export import export_windows

    counts = export_windows(run, given.output, given.truth)
    print(f"{given.output}: {' and '.join(f'{count} windows {name}' for name, count in counts.items())}")
    return 0
