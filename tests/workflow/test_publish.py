"""What of a finished run is kept in the repository."""

import json
import shutil
import subprocess

import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lamo import cli
from lamo.errors import LamoError
from lamo.stores.atomic import write_json
from lamo.tools.publish import WIDEST, changed_files, publish, seed_scores
from lamo.tools.publish_page import commits_of, elapsed


def lamo_publish(arguments):
    return cli.main(["publish", *arguments])


CLEAN = {"commit": "0123456789abcdef", "dirty": False}


@pytest.fixture
def run(tiny, tmp_path):
    """A copy of what the page is made of, as if its code had been committed."""
    folder = tmp_path / "tiny"
    for name in ("07_metrics", "05_predictors", "provenance"):
        shutil.copytree(tiny.results / name, folder / name)
    for path in (folder / "provenance").rglob("*.json"):
        write_json(path, json.loads(path.read_text()) | {"git": CLEAN})
    return folder


def test_a_finished_run_is_published_with_its_page(run, tmp_path, capsys):
    target = tmp_path / "published"
    publish(run, target, "make something else", [])
    (target / "old").mkdir()
    arguments = [str(run), str(target), "--command", "make something", "--config", "config/tiny.yaml"]
    assert lamo_publish(arguments) == 0
    page = (target / "README.md").read_text()
    assert "`make something`" in page
    assert "`config/tiny.yaml`" in page
    assert "| commit | 0123456789ab |" in page
    assert (run / "07_metrics/table.md").read_text().strip() in page
    assert (target / "table.csv").read_bytes() == (run / "07_metrics/table.csv").read_bytes()
    assert (target / "figures/metrics.png").is_file()
    assert (target / "contact_sheet.png").is_file()
    assert not (target / "old").exists()


def test_scores_of_a_seed_are_the_means_of_its_values(run):
    table = seed_scores(run).to_pandas()
    values = pq.read_table(run / "07_metrics/metrics.parquet").to_pandas()
    flow = (values.sampler == "flow-4") & (values.metric == "psnr") & (values.horizon_s.round(6) == 0.6)
    row = table[(table.sampler == "flow-4") & (table.metric == "psnr") & (table.horizon_s.round(6) == 0.6)]
    assert len(row) == 1
    assert row.seed.item() == 0
    assert row["mean"].item() == pytest.approx(values[flow].value.mean(), abs=1e-6)
    shown = csv.read_csv(run / "07_metrics/table.csv")["horizon_s"].unique().to_pylist()
    assert sorted(table.horizon_s.round(6).unique()) == sorted(shown)


def test_code_that_is_not_committed_is_refused(run, tmp_path, capsys):
    path = next((run / "provenance" / "07_metrics").glob("metrics_table*.json"))
    write_json(path, json.loads(path.read_text()) | {"git": CLEAN | {"dirty": True}})
    assert lamo_publish([str(run), str(tmp_path / "published"), "--command", "make something"]) == 2
    assert "metrics_table ran on code that is not committed" in capsys.readouterr().err
    assert not (tmp_path / "published").exists()


def test_an_unfinished_run_is_refused(run, tmp_path):
    (run / "07_metrics/comparisons.md").unlink()
    with pytest.raises(LamoError, match=r"not finished, 07_metrics/comparisons\.md not there; run `make something`"):
        publish(run, tmp_path / "published", "make something", [])


def test_commits_are_in_order_of_time():
    records = [
        {"rule": "b", "started": "2026-01-02T00:00:00+00:00", "git": {"commit": "b" * 40, "dirty": False}},
        {"rule": "a", "started": "2026-01-01T00:00:00+00:00", "git": {"commit": "a" * 40, "dirty": False}},
    ]
    assert commits_of("run", records) == ["a" * 12, "b" * 12]


def test_a_folder_of_something_else_is_left_alone(run, tmp_path):
    target = tmp_path / "frames"
    target.mkdir()
    (target / "README.md").write_text("decoded frames\n")
    with pytest.raises(LamoError, match="were not published"):
        publish(run, target, "make something", [])
    assert (target / "README.md").read_text() == "decoded frames\n"


def test_a_changed_configuration_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr("lamo.tools.publish.changed_files", lambda paths: [p for p in paths if "tiny" in p])
    with pytest.raises(LamoError, match=r"config/tiny\.yaml: not as committed"):
        publish(run, tmp_path / "published", "make something", ["config/bench.yaml", "config/tiny.yaml"])


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (CLEAN, ""),
        (CLEAN | {"dirty": True}, "not committed in lamo/ or workflow/; commit first"),
        (None, "no checkout"),
    ],
)
def test_what_cannot_be_published_is_said_before_it_is_computed(state, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("lamo.tools.publish.git_state", lambda: state)
    arguments = [str(tmp_path / "run"), str(tmp_path / "published"), "--command", "make something", "--check"]
    assert lamo_publish(arguments) == (0 if state == CLEAN else 2)
    assert expected in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_jobs_of_an_earlier_start_on_other_code_are_warned_of(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("lamo.tools.publish.git_state", lambda: CLEAN)
    arguments = [str(run), str(tmp_path / "published"), "--command", "make something", "--check"]
    assert lamo_publish(arguments) == 0
    assert capsys.readouterr().err == ""
    path = next((run / "provenance" / "07_metrics").glob("metrics_table*.json"))
    write_json(path, json.loads(path.read_text()) | {"git": CLEAN | {"dirty": True}})
    assert lamo_publish(arguments) == 0
    assert "metrics_table ran on code that is not committed" in capsys.readouterr().err


def test_a_changed_configuration_is_said_before_anything_is_computed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("lamo.tools.publish.git_state", lambda: CLEAN)
    monkeypatch.setattr("lamo.tools.publish.changed_files", list)
    arguments = [str(tmp_path / "run"), str(tmp_path / "published"), "--command", "make something", "--check"]
    assert lamo_publish([*arguments, "--config", "config/tiny.yaml"]) == 2
    assert "config/tiny.yaml: not as committed" in capsys.readouterr().err


def test_a_folder_of_something_else_is_said_before_anything_is_computed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("lamo.tools.publish.git_state", lambda: CLEAN)
    assert lamo_publish([str(tmp_path / "run"), str(tmp_path), "--command", "make something", "--check"]) == 2
    assert "were not published" in capsys.readouterr().err


def test_changed_files_are_those_that_differ_from_the_commit(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    git("init")
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("1\n")
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "first")
    (tmp_path / "b.yaml").write_text("2\n")
    assert changed_files(["a.yaml", "b.yaml"], tmp_path) == ["b.yaml"]


def test_time_is_counted_once_where_jobs_ran_side_by_side():
    records = [
        {"started": "2026-01-01T00:00:00+00:00", "seconds": 100.0},
        {"started": "2026-01-01T00:00:50+00:00", "seconds": 20.0},
        {"started": "2026-01-01T00:01:30+00:00", "seconds": 40.0},
        {"started": "2026-01-05T00:00:00+00:00", "seconds": 7.0},
    ]
    assert elapsed(records).total_seconds() == 130 + 7


def test_a_sheet_too_wide_for_a_page_is_left_out(run, tmp_path):
    Image.new("RGB", (WIDEST + 1, 10)).save(run / "07_metrics/contact_sheet.png")
    publish(run, tmp_path / "published", "make something", [])
    assert not (tmp_path / "published/contact_sheet.png").exists()
    assert "contact_sheet.png" not in (tmp_path / "published/README.md").read_text()
