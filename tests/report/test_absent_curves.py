"""Curves of trainings and the probe of ego motion are drawn and written whatever numbers are absent."""

import math
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from lamo.probing.ego_motion import TARGETS
from lamo.probing.probe import MOTION, Probe, ProbeRow
from lamo.probing.probe import SHUFFLED as OTHERS
from lamo.report.figures import loss_curves
from lamo.report.learning_curve import MEASURES, learning_curve
from lamo.report.probe_figure import probe_figure
from lamo.report.probe_table import probe_csv, probe_markdown
from lamo.statistics.intervals import Interval

NUMBERLESS = re.compile(r"(?<![a-z_])(nan|inf)(?![a-z_])", re.IGNORECASE)
SLOW = settings(
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NOTHING = Interval(math.nan, math.nan, math.nan)


@settings(SLOW, max_examples=6)
@given(data=st.data())
def test_curves_of_trainings_are_drawn_whatever_is_absent(tmp_path, data):
    names = [f"{measure}_step{step}" for measure in MEASURES for step in (1, 8)]
    present = data.draw(st.dictionaries(st.sampled_from(names), st.booleans(), min_size=1))
    columns = {"step": [0, 1, 2], "samples": [8, 16, 24], "minutes": [0.1, 0.2, 0.3], "loss": [3.0, None, 1.0]}
    empty = pa.array([None] * 3, pa.float64())
    columns |= {name: [None, 1.0, None] if known else empty for name, known in present.items()}
    pq.write_table(pa.table(columns | {"other": empty}), tmp_path / "log.parquet")
    learning_curve(tmp_path / "curve.png", tmp_path / "log.parquet")
    loss_curves(tmp_path / "loss.png", {"a": tmp_path / "log.parquet"})
    assert Image.open(tmp_path / "curve.png").width > 300
    assert Image.open(tmp_path / "loss.png").width > 300


def number(values: st.SearchStrategy[float]) -> st.SearchStrategy[Interval]:
    return st.builds(lambda mean, known: Interval(mean, mean, mean) if known else Interval(mean, *[math.nan] * 2),
                     values, st.booleans()) | st.just(NOTHING)  # fmt: skip


@settings(SLOW, max_examples=6)
@given(data=st.data())
def test_the_probe_is_shown_whatever_is_absent(tmp_path, data):
    values = st.floats(-2, 1)
    rows = [
        ProbeRow(name, target, 3, 0.1, data.draw(number(values)), data.draw(st.just(math.nan) | st.floats(0, 9)))
        for name in (MOTION, "state_mean", OTHERS)
        for target in TARGETS
    ]
    steps = data.draw(st.sampled_from([0, 1, 5]))
    true = np.where(data.draw(st.booleans()), np.ones((steps, len(TARGETS))), np.nan)
    probe = Probe(rows, true, np.zeros((steps, len(TARGETS))), (1, 2), (1, steps))
    for text in (probe_csv(probe), probe_markdown(probe, "run")):
        assert not NUMBERLESS.search(text), text
    probe_figure(tmp_path / "probe.png", probe)
    assert Image.open(tmp_path / "probe.png").width > 300
