"""A value that can be absent is absent to the end: n/a, or an empty cell of a CSV, and never a made-up number."""

import csv
import io
import math
import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from scored_run import cut, part

from lamo.metrics.comparisons import compare
from lamo.metrics.long_form import Scores
from lamo.metrics.motion_check import BLURRED, SHUFFLED, motion_checks
from lamo.report.comparisons_table import comparisons_csv, comparisons_markdown, comparisons_text
from lamo.report.figures import metric_curves
from lamo.report.looks_figure import looks_figure
from lamo.report.tables import (
    check_text,
    make_grid,
    make_samples_grid,
    table_csv,
    table_latex,
    table_markdown,
    table_text,
)
from lamo.rollout.control_names import ORACLE
from lamo.stores.atomic import read_json, write_json

HORIZONS = (0.2, 1.6)
PAIRS = ("flow-20 over flow-5", "learned over persistence_pixels", "flow-20 over state-20")
# A number that is none, as Python and NumPy write it.
NUMBERLESS = re.compile(r"(?<![a-z_])(nan|inf)(?![a-z_])", re.IGNORECASE)
SLOW = settings(
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass(frozen=True)
class Without:
    """Scores without some metrics in some rows: they have no number there, or no line at all."""

    metrics: frozenset[str]
    rows: frozenset[str]
    value: float | None
    null: bool = False

    def hits(self, frame: pd.DataFrame) -> pd.Series:
        labels = frame["sampler"].where(frame["sampler"] != "-", frame["method"])
        return frame["metric"].isin(self.metrics) & labels.isin(self.rows)

    def table(self, table: pa.Table, *columns: str) -> pa.Table:
        frame = table.to_pandas()
        hit = self.hits(frame)
        if self.value is None:
            return table.filter(pa.array(~hit))
        for column in columns:
            frame.loc[hit, column] = self.value if column in ("value", "mean") else math.nan
            values = pa.array(frame[column].to_numpy(), from_pandas=self.null)
            table = table.set_column(table.column_names.index(column), column, values)
        return table

    def of(self, scores: Scores) -> Scores:
        values = self.table(scores.values, "value")
        summary = self.table(scores.summary, "mean", "ci_low", "ci_high")
        return replace(scores, values=values, replicates=self.table(scores.replicates, "value"), summary=summary)


def with_controls(scores: Scores) -> Scores:
    """The scores with the two controls that the check of the motion needs: copies of the oracle."""
    tables = {}
    for name in ("values", "summary", "replicates"):
        table = getattr(scores, name)
        frame = table.to_pandas()
        oracle = table.filter(pa.array(frame["method"] == ORACLE))
        place = table.column_names.index("method")
        copies = [
            oracle.set_column(place, "method", pa.array([method] * len(oracle))) for method in (SHUFFLED, BLURRED)
        ]
        tables[name] = pa.concat_tables([table, *copies]).combine_chunks()
    return replace(scores, **tables)


@pytest.fixture(scope="module")
def whole(scores) -> Scores:
    return with_controls(scores)


def withouts(scores: Scores) -> st.SearchStrategy[Without]:
    frame = scores.summary.to_pandas()
    metrics = sorted(frame["metric"].unique())
    rows = sorted(frame["sampler"].where(frame["sampler"] != "-", frame["method"]).unique())
    some = st.frozensets(st.sampled_from(metrics), min_size=1) | st.just(frozenset(metrics))
    where = st.frozensets(st.sampled_from(rows), min_size=1) | st.just(frozenset(rows))
    return st.builds(Without, some, where, st.sampled_from([math.nan, -math.inf, None]), st.booleans())


def texts(scores: Scores) -> dict[str, str]:
    """Everything that is written about scores, but for pictures."""
    grid = make_grid(scores, HORIZONS, "run", "Midway.")
    samples = make_samples_grid(scores, HORIZONS, "run")
    found, missing = compare(scores.values, scores.replicates, HORIZONS, PAIRS, 100)
    return {
        "csv": table_csv(scores.summary, HORIZONS),
        "markdown": table_markdown(grid),
        "latex": table_latex(grid),
        "text": table_text(grid),
        "samples": table_markdown(samples),
        "check": check_text(motion_checks(scores.values, HORIZONS, 100)),
        "comparisons.csv": comparisons_csv(found),
        "comparisons.md": comparisons_markdown(found, missing, "run"),
        "comparisons.txt": comparisons_text(found, missing),
    }


@settings(SLOW, max_examples=25)
@given(data=st.data())
def test_every_table_holds_no_number_where_there_is_none(whole, data):
    without = data.draw(withouts(whole))
    # A row without a line is a row that was not scored.
    of_windows = {row["metric"] for row in whole.values.to_pylist() if row["clip"] is not None}
    assume(without.value is not None or not without.metrics >= of_windows)
    scores = without.of(whole)
    for name, text in texts(scores).items():
        assert not NUMBERLESS.search(text), (name, NUMBERLESS.search(text))


@pytest.mark.parametrize("value", [math.nan, -math.inf])
@pytest.mark.parametrize("metric", ["psnr", "ssim", "sharpness", "energy_score", "fd_grid", "skill"])
def test_a_metric_without_any_number_is_not_applicable_in_every_row(whole, metric, value):
    rows = frozenset({"flow-20", "flow-5", "gmm", *whole.summary.to_pandas()["method"]})
    said = texts(Without(frozenset({metric}), rows, value).of(whole))
    numbers = [row["mean"] for row in csv.DictReader(io.StringIO(said["csv"])) if row["metric"] == metric]
    assert set(numbers) == {""}
    table = said["samples" if metric == "skill" else "markdown"]
    heads = [line for line in table.splitlines() if line.startswith("| after")]
    title = {"psnr": "PSNR ↑", "ssim": "SSIM ↑", "sharpness": "sharpness →1", "energy_score": "energy ↓"}.get(
        metric, "skill ↑" if metric == "skill" else "FD grid ↓"
    )
    column = [cell.strip() for cell in heads[0].split("|")].index(title)
    cells = [
        line.split("|")[column].strip() for line in table.splitlines() if line.startswith("| ") and line not in heads
    ]
    assert set(cells) == {"n/a"}
    if metric not in ("sharpness", "skill"):
        lines = [line for line in csv.DictReader(io.StringIO(said["comparisons.csv"])) if line["metric"] == metric]
        assert lines
        assert {(line["difference"], line["first_mean"], line["favours"]) for line in lines} == {("", "", "")}
    others = [line for line in csv.DictReader(io.StringIO(said["comparisons.csv"])) if line["metric"] != metric]
    assert all(line["difference"] for line in others)


def test_controls_without_the_metrics_of_the_check_are_there_all_the_same(whole):
    scores = Without(frozenset({"psnr", "sharpness"}), frozenset({ORACLE, SHUFFLED, BLURRED}), None).of(whole)
    assert "n/a" in texts(scores)["check"]


def test_where_one_row_lacks_a_number_the_other_windows_are_compared(whole):
    frame = whole.values.to_pandas()
    dark = (frame["metric"] == "psnr") & (frame["sampler"] == "flow-20") & (frame["clip"] == "clip-0")
    frame.loc[dark, "value"] = math.nan
    place = whole.values.column_names.index("value")
    values = whole.values.set_column(place, "value", pa.array(frame["value"].to_numpy(), from_pandas=False))
    (found, *_), _ = compare(values, whole.replicates, (1.6,), PAIRS[:1], 100)
    assert found.metric == "psnr"
    assert found.difference.mean == pytest.approx(found.first_mean - found.second_mean)
    light = frame[(frame["metric"] == "psnr") & (frame["clip"] != "clip-0") & (frame["step"] == 8)]
    assert found.second_mean == pytest.approx(light[light["sampler"] == "flow-5"]["value"].mean())


# --- runs that have few frames, or dark ones ---


def dark(run):
    def darkened(rollouts):
        return replace(rollouts, frames=np.zeros_like(rollouts.frames))

    sets = [replace(s, rollouts=darkened(s.rollouts), single=darkened(s.single)) for s in run.sets]
    return {"sets": sets, "truth": darkened(run.truth), "single_truth": darkened(run.truth)}


def one_sample(run):
    every = list(range(16))
    sets = [replace(s, single=part(s.rollouts, every, 1)) for s in run.sets if s.seed in (0, None)]
    return {"sets": [replace(s, rollouts=s.single) for s in sets]}


RUNS = {
    "one window": lambda run: cut(run, [0]),
    "one clip": lambda run: cut(run, [0, 1]),
    "two clips": lambda run: cut(run, [0, 2]),
    "all frames black": dark,
    "one sample and one seed": one_sample,
    "one row": lambda run: {"sets": run.sets[:1]},
}


@pytest.mark.parametrize("kind", RUNS)
def test_a_run_that_can_measure_little_has_all_tables_and_figures(run, tmp_path, kind):
    scores = run.score(**RUNS[kind](run))
    write_json(tmp_path / "facts.json", scores.facts())
    assert "NaN" not in (tmp_path / "facts.json").read_text()
    again = Scores.read(scores.values, scores.replicates, scores.summary, read_json(tmp_path / "facts.json"))
    shown = with_controls(again) if kind != "one row" else again
    if kind == "one row":
        grid = make_grid(shown, HORIZONS, "run", "Midway.")
        assert not NUMBERLESS.search(table_markdown(grid) + table_csv(shown.summary, HORIZONS))
    else:
        for name, text in texts(shown).items():
            assert not NUMBERLESS.search(text), (name, text)
    metric_curves(tmp_path / "metrics.png", shown.summary)
    looks_figure(tmp_path / "looks.png", shown.summary)
    assert Image.open(tmp_path / "looks.png").width > 300
    assert Image.open(tmp_path / "metrics.png").width > 300
    if kind == "one window":
        rows = list(csv.DictReader(io.StringIO(table_csv(shown.summary, HORIZONS))))
        assert {row["mean"] for row in rows if row["metric"] in ("fd_grid", "fd_world", "kid_grid")} == {""}
        assert all(row["mean"] for row in rows if row["metric"] == "psnr")


# --- pictures ---


@settings(SLOW, max_examples=6)
@given(data=st.data())
def test_metrics_against_time_are_drawn_whatever_is_absent(whole, tmp_path, data):
    summary = data.draw(withouts(whole)).of(whole).summary
    metric_curves(tmp_path / "metrics.png", summary)
    looks_figure(tmp_path / "looks.png", summary)
    assert Image.open(tmp_path / "looks.png").width > 300
    assert Image.open(tmp_path / "metrics.png").width > 300


def test_a_row_without_the_first_metric_is_in_the_legend(whole, tmp_path, monkeypatch):
    from lamo.report import figures

    labels = []
    monkeypatch.setattr(figures, "_legend", lambda figure, spare, handles, names: labels.extend(names))
    metric_curves(tmp_path / "a.png", whole.summary)
    complete = list(labels)
    labels.clear()
    first = whole.summary["metric"][0].as_py()
    metric_curves(tmp_path / "b.png", Without(frozenset({first}), frozenset({"gmm", "flow-5"}), None).of(whole).summary)
    assert labels == complete
