"""`lamo plan`: what a run will cost."""

import argparse
from collections.abc import Sequence

import torch

from lamo.stores.atomic import write_json
from lamo.tools.arguments import program_parser
from lamo.tools.overlay import read_raw
from lamo.tools.plan.clips import parse_clips
from lamo.tools.plan.gpu import A100_TFLOPS, EFFICIENCY
from lamo.tools.plan.plan import Options, make_plan
from lamo.tools.plan.report import report
from lamo.tools.plan.warnings import warnings_of


def main(arguments: Sequence[str]) -> int:
    """Plan and print; returns the exit status, 0 also with warnings.

    Raises:
        LamoError: the configuration is wrong, or there is nothing to plan from.
    """
    options = _parse(arguments)
    # Rates are per core.
    torch.set_num_threads(1)
    clips = parse_clips(options.clips) if options.clips else None
    over = {"videos": {"root": options.videos}} if options.videos else {}
    plan = make_plan(
        read_raw(options.config, over),
        Options(clips, options.seconds, options.sample, options.gpu_tflops, options.efficiency, options.results),
    )
    files = " ".join(options.config) or "config/config.yaml"
    print(report(plan, f"Plan of the run {plan.config.run} ({files})"))
    if options.json:
        write_json(options.json, {**plan.facts(), "warnings": warnings_of(plan)})
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = program_parser(
        "plan",
        "Estimate time, disk and memory of a run before it is started. Nothing is started.",
        "lamo plan --config config/bdd100k.yaml --videos path/to/bdd100k",
        "lamo plan --config config/bdd100k.yaml --clips train=70000 val=10000 --seconds 40",
        "lamo plan --config config/bench.yaml config/bench-long.yaml",
    )
    parser.add_argument(
        "--config",
        nargs="+",
        default=[],
        metavar="FILE",
        help="configurations that are laid over config/config.yaml, each over those before it",
    )
    parser.add_argument("--videos", help="folder of the videos, in place of videos.root")
    parser.add_argument(
        "--clips",
        nargs="+",
        metavar="SPLIT=COUNT",
        help="clips per split, where there are no videos yet: train=70000 val=10000",
    )
    parser.add_argument("--seconds", type=float, help="length of these clips; s")
    parser.add_argument("--sample", type=int, default=64, help="clips whose headers are looked at; default 64")
    parser.add_argument(
        "--gpu-tflops", type=float,
        help="bfloat16 peak of a GPU; TFLOP/s; default: measured on the GPU of this machine, else "
        f"{A100_TFLOPS:g}, an NVIDIA A100",
    )  # fmt: skip
    parser.add_argument(
        "--efficiency", type=float, default=EFFICIENCY, help=f"share of it that models reach; default {EFFICIENCY:g}"
    )
    parser.add_argument("--results", default="results", help="folder of the results, whose disk is looked at")
    parser.add_argument("--json", help="file to write the plan to, for programs")
    return parser.parse_args(arguments)
