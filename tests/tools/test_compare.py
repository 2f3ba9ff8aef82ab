"""Runs beside each other: which windows and rows are compared, by how much they differ, and what is refused."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamo import cli
from lamo.metrics.across_runs import compare_runs

FRAMES = {"height": 32, "width": 64, "rate_hz": 5.0, "fit": "crop"}
WINDOWS = [(clip, start) for clip in "abcd" for start in (0, 8)]


ROWS = (("flow", "flow-4"), ("oracle_motion", "-"), ("persistence_pixels", "-"))


def write_run(
    folder, name, shift=0.0, windows=WINDOWS, rows=ROWS, frames=FRAMES, seeds=(0, 1), samples=1, seen=0.0
):  # fmt: skip
    """A finished run whose PSNR is 20 dB and what the window and the row bring, plus `shift` in learned rows.

    `seen`: what other frames would bring.
    """
    run = folder / name
    (run / "07_metrics").mkdir(parents=True)
    lines = []
    for number, (clip, start) in enumerate(windows):
        for method, sampler in rows:
            for seed in seeds if sampler != "-" else (None,):
                own = shift * (1 + 0.1 * number) if sampler != "-" else seen
                value = 20.0 + ord(clip) % 7 + start + own + (seed or 0)
                for metric in ("psnr", "energy_features"):
                    for sample in range(samples if sampler != "-" else 1):
                        line = (method, sampler, seed, clip, start, False, sample, 1, 0.2, metric, value)
                        lines += [line, (*line[:5], True, *line[6:10], -99.0)]  # of a window chosen at a fork
                lines.append((method, sampler, seed, clip, start, False, None, 1, 0.2, "psnr_mean", value))
    names = ("method", "sampler", "seed", "clip", "window_start", "at_fork", "sample", "step", "horizon_s", "metric")
    frame = pd.DataFrame(lines, columns=[*names, "value"]).astype({"seed": "Int64", "sample": "Int64"})
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), run / "07_metrics/metrics.parquet")
    (run / "07_metrics/table.csv").write_text("horizon_s\n0.2\n")
    (run / "config.json").write_text(json.dumps({"frames": frames}))
    return run


def lamo_compare(*arguments):
    return cli.main(["compare", *map(str, arguments)])


def test_differences_are_taken_window_by_window(tmp_path):
    first, second = write_run(tmp_path, "first"), write_run(tmp_path, "second", shift=1.0)
    found, notes = compare_runs(first, second)
    assert {one.metric for one in found} == {"psnr", "psnr_mean"}
    by_row = {one.first: one for one in found if one.metric == "psnr"}
    assert set(by_row) == {"second: flow-4", "second: oracle_motion", "second: persistence_pixels"}
    flow = by_row["second: flow-4"]
    assert flow.second == "first: flow-4"
    assert flow.difference.mean == pytest.approx(np.mean([1 + 0.1 * number for number in range(8)]))
    assert flow.difference.low > 0
    assert flow.favours == "second: flow-4"
    assert (flow.clips, flow.seeds) == (4, 2)
    oracle = by_row["second: oracle_motion"].difference
    assert (oracle.mean, oracle.low, oracle.high) == (0.0, 0.0, 0.0)
    assert notes == []


def test_only_windows_and_rows_that_both_have_are_compared(tmp_path):
    first = write_run(tmp_path, "first", rows=(*ROWS, ("gmm", "gmm")))
    second = write_run(tmp_path, "second", shift=1.0, windows=[*WINDOWS[:4], ("e", 0)])
    found, notes = compare_runs(first, second)
    assert {one.first for one in found} == {"second: flow-4", "second: oracle_motion", "second: persistence_pixels"}
    assert found[0].difference.mean == pytest.approx(np.mean([1.0, 1.1, 1.2, 1.3]))
    assert notes == [
        f"{first}: 4 of 8 windows are left out, which the other run lacks",
        f"{second}: 1 of 5 windows are left out, which the other run lacks",
    ]


def test_only_seeds_that_both_have_are_compared_and_means_of_as_many_samples(tmp_path):
    first = write_run(tmp_path, "first", samples=4)
    second = write_run(tmp_path, "second", shift=1.0, seeds=(1, 2), samples=2)
    found, notes = compare_runs(first, second, ["flow-4"])
    assert [(one.metric, one.seeds) for one in found] == [("psnr", 1)]
    assert found[0].difference.mean == pytest.approx(1.35)
    assert notes == [
        "flow-4: only training seeds 1",
        "flow-4: other numbers of samples; scores that depend on them are left out",
    ]


def test_the_command_prints_and_writes_them(tmp_path, capsys):
    runs = [write_run(tmp_path, "first"), write_run(tmp_path, "second", shift=1.0), write_run(tmp_path, "third")]
    assert lamo_compare(*runs, "--rows", "flow-4", "--csv", tmp_path / "differences.csv") == 0
    text = capsys.readouterr().out
    assert "second: flow-4 over first: flow-4  +1.35 ±" in text
    assert "third: flow-4 over first: flow-4" in text
    assert "oracle" not in text
    table = pd.read_csv(tmp_path / "differences.csv")
    assert set(table["first"]) == {"second: flow-4", "third: flow-4"}


def test_what_cannot_be_compared_is_named(tmp_path, capsys):
    first = write_run(tmp_path, "first")
    for other, words in (
        (write_run(tmp_path, "wide", frames=FRAMES | {"width": 128}), "found frames.width 128, expected 64 as in"),
        (write_run(tmp_path, "clips", windows=[("x", 0)]), "but other clips"),
        (write_run(tmp_path, "starts", windows=[("a", 3)]), "but other starts in the same clips"),
        (write_run(tmp_path, "rows", rows=(("mine", "mine-2"),)), "found no row of the other run, expected some of"),
        (write_run(tmp_path, "world", seen=0.5), "found other frames than"),
        (write_run(tmp_path, "seeds", seeds=(7,)), "found no training seed of flow-4 of"),
        (first, "the same run twice"),
        (tmp_path, "found no 07_metrics/metrics.parquet and no 07_metrics/table.csv and no config.json"),
        (tmp_path / "nothing", "no such folder"),
    ):
        assert lamo_compare(first, other) == 2
        assert words in capsys.readouterr().err
    assert lamo_compare(first) == 2
    assert "expected two or more" in capsys.readouterr().err
    second = write_run(tmp_path, "second")
    assert lamo_compare(first, second, "--rows", "flow-9", "--csv", tmp_path / "no.csv") == 2
    assert "found no row flow-9, expected some of flow-4, oracle_motion, persistence_pixels" in capsys.readouterr().err
    assert not (tmp_path / "no.csv").exists()
