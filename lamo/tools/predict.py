"""`lamo predict`: what may come next in a video, from its end or from any moment."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from lamo.errors import LamoError
from lamo.model.futures_file import WRITERS, Shown, check_output, write_futures
from lamo.model.video import read_video
from lamo.model.world_model import load
from lamo.tools.arguments import program_parser

# Of what was observed, the part that is shown; s.
SHOWN_S = 2.0


def parser() -> argparse.ArgumentParser:
    """The command line of `lamo predict`."""
    parser = program_parser(
        "predict",
        "Predict several futures of a video, and write them to a file.",
        "lamo predict drive.mp4 -o futures.mp4",
        "lamo predict drive.mp4 -o futures.gif --model results/demo --at 12.5 --seconds 3 --samples 6",
        "lamo predict drive.mp4 -o futures.npz --model results/demo --predictor gmm --seed 1",
    )
    parser.add_argument("video", metavar="VIDEO", help="a video of any size, rate and rotation")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help=f"{', '.join(WRITERS)}")
    parser.add_argument(
        "--model",
        metavar="FOLDER",
        help="a model, or a finished run: results/<run>; default: the published one, results/weights/roads",
    )
    parser.add_argument(
        "--at", type=float, metavar="S", help="moment to predict from; s; default: the end of the video"
    )
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="how far to predict; s; default: 3")
    parser.add_argument("--samples", type=int, default=6, metavar="N", help="number of futures; default: 6")
    parser.add_argument("--predictor", metavar="NAME", help="which of the model's predictors; default: its own choice")
    parser.add_argument("--sampler", metavar="NAME", help="how it is sampled, as 4 or mean; default: its first sampler")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another one gives other futures; default: 0")
    parser.add_argument("--device", metavar="NAME", help="cpu or cuda; default: a GPU if there is one")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Predict and write.

    Raises:
        LamoError: the video, the moment, the model or the output cannot be used.
    """
    given = parser().parse_args(arguments)
    output = check_output(given.output)
    if output.exists() and Path(given.video).exists() and output.samefile(given.video):
        raise LamoError(f"{output}: found the video itself, expected another file to write to; give another name")
    model = load(given.model, given.predictor, given.sampler, given.device)
    rate_hz = model.facts.frames.rate_hz
    video = read_video(given.video, model.facts.frames)
    if video.repaired:
        print(f"{video.path}: {video.repaired}", file=sys.stderr)
    now = video.until(given.at, model.frames_needed)
    observed, after = video.frames[:now], video.frames[now:]
    generator = torch.Generator().manual_seed(given.seed)
    with tqdm(desc="predicting", unit="step") as bar:
        futures = model.rollout(observed, given.seconds, given.samples, generator, lambda step, state: bar.update())
    shown = Shown(observed[-max(1, round(SHOWN_S * rate_hz)) :], futures.frames, after[: len(futures.times_s)], rate_hz)
    write_futures(given.output, shown)
    count = "a future" if given.samples == 1 else f"{given.samples} futures"
    print(f"{given.output}: {count} of {futures.times_s[-1]:g} s from {video.times_s[now - 1]:g} s on")
    return 0
