"""`lamo score`: predictions of somebody else's model as a row of a run's table."""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

from lamo.errors import LamoError
from lamo.stages import RUN_NAME
from lamo.tools.arguments import program_parser, run_folder
from lamo.tools.score.places import check_new

SCORED = "scored"
ABOUT = """\
Score predictions of somebody else's model as a row of a run's table, as the run scores its own rows. FOLDER holds

  windows.json             the file that `lamo windows` wrote, copied
  <id>.npy                 for each window uint8 [S, T, H, W, 3], RGB: S samples of the T frames after the observed
                           ones. All windows "several" are needed, with equally many samples; of the windows
                           "single" all or none, with one sample each. Without them the row has no distances
                           between distributions.
  <id>/*.mp4 or .mkv       in the place of <id>.npy: a video for each sample, T frames at the rate of the run. A
                           usual video is compressed, which costs the row some score; H.264 of RGB (libx264rgb,
                           crf 0) and FFV1 (bgr0, in .mkv) lose nothing.

It prints the table with the new row, and differences from other rows on the same windows with 95 % intervals. The
same is written as table.md, table.csv, comparisons.md, comparisons.csv and, for each window, scores.parquet."""


def parser() -> argparse.ArgumentParser:
    """The command line of `lamo score`."""
    parser = program_parser(
        "score",
        ABOUT,
        "lamo score predictions --run results/demo --name mine",
        "lamo score predictions --run results/demo --over flow-4 persistence_blurred -o scores-of-mine",
        "lamo score still-pictures --run results/demo --deterministic --json",
    )
    parser.add_argument("predictions", type=Path, metavar="FOLDER", help="the predictions")
    parser.add_argument("--run", required=True, metavar="RUN", help="a run: its folder, or its name in results/")
    parser.add_argument("--name", metavar="NAME", help="name of the row; default: that of FOLDER")
    parser.add_argument(
        "--over",
        nargs="+",
        metavar="ROW",
        help="rows to compare with; default: the first learned row, and those of metrics.comparisons that all learned "
        "rows are compared with",
    )
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="the model has no chance: its one sample is all that it ever predicts, and its error is its energy score",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help=f"a new folder; default: FOLDER/{SCORED}")
    parser.add_argument("--json", action="store_true", help="print the new row and the differences as JSON")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Score, write and print.

    Raises:
        LamoError: the run is not finished, a prediction is missing or of another form, a name is not known or taken, or
            the output cannot be written.
    """
    given = parser().parse_args(arguments)
    folder = run_folder(given.run)
    if not given.predictions.is_dir():
        raise LamoError(f"{given.predictions}: no such folder, expected that of the predictions; correct the path")
    name = given.name or given.predictions.resolve().name
    if not re.match(RUN_NAME, name):
        raise LamoError(f"--name: found {name!r}, expected letters, digits, '.', '_' and '-'; give a name")
    output = given.output or given.predictions / SCORED
    check_new(output, folder)
    # Imported late: PyArrow and PyTorch take seconds, and the arguments may be wrong.
    from lamo.tools.score.finished_run import FinishedRun
    from lamo.tools.score.output import row_facts, row_text, write_row
    from lamo.tools.score.scoring import check_name, read_row, score_predictions

    run = FinishedRun.open(folder)
    over = given.over or run.usual_rivals()
    check_name(name, run, over)
    row = score_predictions(run, read_row(given.predictions, run, given.deterministic), name, over)
    write_row(output, row, run)
    if given.json:
        print(json.dumps(row_facts(row, run), indent=2))
    else:
        print(row_text(row, run))
        print(f"{output}: the table, the comparisons, and the scores of each window")
    return 0
