"""The learning curve of the Midway Network."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lamo.errors import LamoError
from lamo.report.learning_curve import MEASURES, learning_curve


@pytest.fixture
def log(tmp_path):
    """A log of five rows, of which two were validated."""
    checked = {f"{name}_step{step}": [None, 1.0, None, None, 2.0] for name in MEASURES for step in (1, 8)}
    rows = {"step": range(5), "samples": [8, 16, 24, 32, 40], "minutes": [0.1, 0.2, 0.3, 0.5, 0.7], **checked}
    pq.write_table(pa.table(rows), tmp_path / "log.parquet")
    return tmp_path / "log.parquet"


def test_it_draws_the_validated_rows_the_same_each_time(tmp_path, log):
    for name in ("one.png", "two.png"):
        learning_curve(tmp_path / name, log)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with Image.open(tmp_path / "one.png") as picture:
        assert min(picture.size) > 300


def test_a_log_without_validations_is_refused(tmp_path):
    pq.write_table(pa.table({"step": [0], "loss": [1.0]}), tmp_path / "log.parquet")
    with pytest.raises(LamoError, match="found no column oracle_psnr_step"):
        learning_curve(tmp_path / "x.png", tmp_path / "log.parquet")
