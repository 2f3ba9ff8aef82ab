"""What has to hold of oracle rollouts before rows are compared."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lamo.errors import LamoError
from lamo.metrics.motion_check import BLURRED, SHUFFLED, motion_checks
from lamo.report.tables import check_text
from lamo.rollout.control_names import ORACLE


@pytest.fixture
def values():
    """Twelve windows of six clips at two horizons; windows differ far more than methods do; six are at forks."""
    rng = np.random.default_rng(0)
    base = rng.normal(20.0, 5.0, 12)
    rows = []
    for horizon in (0.2, 1.6):
        for method, gain in ((ORACLE, 0.0), (SHUFFLED, -2.0), (BLURRED, -1.0)):
            for window in range(18):
                where = {"method": method, "clip": f"clip{window // 2}", "window_start": window, "horizon_s": horizon}
                where["at_fork"] = window >= 12
                psnr = 0.0 if where["at_fork"] else base[window] + gain * (1 + horizon) + rng.normal(0, 0.01)
                rows.append({**where, "metric": "psnr", "value": psnr})
                rows.append({**where, "metric": "sharpness", "value": 9.0 if where["at_fork"] else 0.8})
    return pa.Table.from_pandas(pd.DataFrame(rows))


def test_differences_are_taken_window_by_window(values):
    near, far = motion_checks(values, [0.2, 1.6], 200)
    assert near.over_shuffled_db.mean == pytest.approx(2.4, abs=0.05)
    assert far.over_blurred_db.mean == pytest.approx(2.6, abs=0.05)
    # The windows spread by 5 dB; paired, the interval is narrow.
    assert far.over_shuffled_db.high - far.over_shuffled_db.low < 0.1
    assert far.over_shuffled_db.low < far.over_shuffled_db.mean < far.over_shuffled_db.high
    assert near.sharpness.mean == pytest.approx(0.8)


def test_the_text_has_a_line_for_each_horizon(values):
    text = check_text(motion_checks(values, [0.2, 1.6], 200))
    near, far = (line for line in text.splitlines() if line.startswith("after"))
    assert near.split()[:3] == ["after", "0.2", "s"]
    assert far.split()[3].startswith("5.2")
    assert far.endswith("0.80 [0.80, 0.80]")


def test_a_missing_control_is_named(values):
    without = values.filter(pc.not_equal(values["method"], SHUFFLED))
    with pytest.raises(LamoError, match="shuffled_motion"):
        motion_checks(without, [0.2], 10)
