"""The page that `lamo report` writes: what is on it, and what is refused."""

import base64
import io
import json
import re
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lamo import cli
from lamo.report.html import as_html
from lamo.stores.rollouts import read_rollouts
from lamo.tools.report.page import _json
from lamo.training.loop import TrainingLog


def lamo_report(*arguments) -> int:
    return cli.main(["report", *map(str, arguments)])


@pytest.fixture(scope="module")
def values(tiny):
    return pq.read_table(tiny.results / "07_metrics/metrics.parquet").to_pandas()


def strips(rollouts, window) -> np.ndarray:
    """The strips of a window's picture, as frames [rows, T, H, W, 3]."""
    picture = base64.b64decode(window["picture"].partition("base64,")[2])
    image = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    height, width = rollouts["height"], rollouts["width"]
    return image.reshape(-1, height, image.shape[1] // width, width, 3).swapaxes(1, 2)


def test_rows_of_the_gallery_are_those_of_the_table(report_data, tiny):
    table = (tiny.results / "07_metrics/table.md").read_text()
    named = {line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if re.match(r"\| .* ±", line)}
    assert {row["name"] for row in report_data["rollouts"]["rows"]} == named
    assert len(report_data["scores"]) > 5
    groups = {title.partition(": ")[0] for title in report_data["trainings"]}
    assert groups == {"midway", "decoder", "predictors", "features of the world"}


def test_its_pictures_are_the_frames_of_the_stores(report_data, tiny):
    """Each window is found by its name, so a picture of another window or row would show."""
    rollouts = report_data["rollouts"]
    stores = {
        "truth": read_rollouts(*(tiny.results / f"06_rollouts/truth{end}" for end in (".zarr", ".manifest.json"))),
        "gmm": read_rollouts(
            *(tiny.results / f"06_rollouts/gmm/seed0/gmm{end}" for end in (".zarr", ".manifest.json"))
        ),
    }
    names = [(row["name"], row["sample"]) for row in rollouts["rows"]]
    for window in rollouts["windows"]:
        index = [f"{w.clip_id}, from frame {w.start}" for w in stores["truth"].windows].index(window["name"])
        shown = strips(rollouts, window)[:, : rollouts["steps"]].astype(float)
        for strip, frames in (
            (1, stores["truth"].frames[index, 0]),
            (2 + names.index(("gmm", 1)), stores["gmm"].frames[index, 1]),
        ):
            errors = [np.abs(shown[strip] - other).mean() for other in (frames, *stores["truth"].frames[:, 0])]
            assert errors[0] == min(errors) < 12


def test_its_numbers_are_the_scores(report_data, values):
    rollouts = report_data["rollouts"]
    window = rollouts["windows"][-1]
    clip, start = re.fullmatch(r"(.*), from frame (\d+)", window["name"]).groups()
    found = values[(values["clip"] == clip) & (values["window_start"] == int(start)) & (values["metric"] == "psnr")]
    for row, shown in zip(rollouts["rows"], window["psnr"], strict=True):
        name = row["name"] if row["learned"] else row["name"].replace(" ", "_")
        of_row = found[(found["sampler" if row["learned"] else "method"] == name) & (found["sample"] == row["sample"])]
        assert shown == pytest.approx(of_row.sort_values("step")["value"].tolist(), abs=0.051)


def test_best_and_worst_windows_are_those_of_the_scores(report_data, values):
    energy = values[(values["sampler"] == "gmm") & (values["metric"] == "energy_score")]
    means = energy.groupby(["clip", "window_start"])["value"].mean()
    notes = {
        note: window["name"] for window in report_data["rollouts"]["windows"] for note in window["note"].split("; ")
    }
    for words, (clip, start) in (("best", means.idxmin()), ("worst", means.idxmax())):
        assert notes[f"{words} of gmm by energy"] == f"{clip}, from frame {start:.0f}"


def test_no_text_of_a_run_becomes_markup():
    assert "<script" not in as_html("| a |\n|---|\n| <script>alert(1)</script> |\n\n<script>alert(2)</script>")
    assert json.loads(_json({"name": "</script><!--&"})) == {"name": "</script><!--&"}
    assert "<" not in _json({"name": "</script><!--&"})


def test_a_run_without_some_trainings_has_a_page_without_them(tiny, tmp_path):
    """One that began with trained weights has an empty log of the pre-training; an imported network has no log."""
    run, output = tmp_path / "run", tmp_path / "report.html"
    shutil.copytree(tiny.results, run, symlinks=True)
    TrainingLog().write(run / "02_midway/pretraining.parquet")
    (run / "02_midway/log.parquet").unlink()
    assert lamo_report(run, "-o", output) == 0
    assert "midway: " not in output.read_text(encoding="utf-8")


def test_what_cannot_be_shown_is_named_and_nothing_is_written(tiny, tmp_path, capsys):
    run, output = tmp_path / "run", tmp_path / "report.html"
    shutil.copytree(tiny.results, run, symlinks=True)
    for arguments, words in (
        ((run, "--windows", 0), "--windows: found 0"),
        ((run, "-o", tmp_path / "nowhere" / "a.html"), "expected a file in a folder that is there"),
        ((tmp_path / "nothing",), "no such folder"),
    ):
        assert lamo_report(*arguments) == 2
        assert words in capsys.readouterr().err
    rollouts = run / "06_rollouts"
    shutil.rmtree(rollouts / "gmm/seed0/gmm.zarr")
    shutil.copytree(rollouts / "gmm/seed0/gmm.single.zarr", rollouts / "gmm/seed0/gmm.zarr")
    shutil.copyfile(rollouts / "gmm/seed0/gmm.single.manifest.json", rollouts / "gmm/seed0/gmm.manifest.json")
    assert lamo_report(run, "-o", output) == 2
    assert "gmm.zarr: found other windows than in truth.zarr" in capsys.readouterr().err
    (rollouts / "truth.manifest.json").unlink()
    assert lamo_report(run, "-o", output) == 2
    assert "truth" in capsys.readouterr().err
    (run / "07_metrics/table.md").unlink()
    assert lamo_report(run, "-o", output) == 2
    assert "table.md, expected a finished run; run it to its end" in capsys.readouterr().err
    assert not output.exists()
    assert not (run / "report.html").exists()


def test_tables_can_be_read_in_a_browser(tiny):
    """The pages that Snakemake's report shows hold every cell of the table."""
    folder = tiny.results / "07_metrics"
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (folder / "pages").glob("*.html")}
    assert pages.keys() == {"clips", "matched", "table", "table_samples", "comparisons", "probe"}
    lines = [line for line in (folder / "table.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [cell.strip() for line in lines for cell in line.strip("|").split("|")]
    assert len(cells) > 100
    assert all(re.search(rf"<t[hd][^>]*>{re.escape(cell)}</t[hd]>", pages["table"]) for cell in cells)
