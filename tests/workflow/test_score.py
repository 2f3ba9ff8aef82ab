"""`lamo windows` and `lamo score`: rollouts of a run, given back as if they were of another model, are its own rows."""

import json
import re
import shutil
import subprocess
import sys

import av
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from lamo import cli
from lamo.jobs.code_hash import ROOT
from lamo.stores.rollouts import read_rollouts

OF_LATENT_STATES = {"drift", "energy_score_latent", "spread_latent", "nll_motion", "nll_state"}
"""What frames alone do not have."""


def lamo(*arguments) -> int:
    return cli.main([str(one) for one in arguments])


def refused(capsys, *arguments) -> str:
    """The line that a command ends with which refuses its input."""
    capsys.readouterr()
    assert lamo(*arguments) == 2
    told = capsys.readouterr()
    (line,) = [line for line in told.err.splitlines() if line.startswith("lamo ")]
    assert told.out == ""
    assert "Traceback" not in told.err
    return line


@pytest.fixture(scope="module")
def windows(tiny, tmp_path_factory):
    """The exported windows."""
    folder = tmp_path_factory.mktemp("exported") / "windows"
    assert lamo("windows", tiny.results, "-o", folder) == 0
    return folder


def store(tiny, name):
    folder = tiny.results / "06_rollouts"
    return read_rollouts(folder / f"{name}.zarr", folder / f"{name}.manifest.json")


def give_back(tiny, windows, folder, name, single=True):
    """The rollouts of a row of the run in the form in which others give theirs."""
    folder.mkdir()
    shutil.copy(windows / "windows.json", folder)
    described = json.loads((windows / "windows.json").read_text())
    for part, end in (("several", ""), ("single", ".single")):
        if part == "several" or single:
            found = store(tiny, f"{name}{end}")
            place = {(window.clip_id, window.start): number for number, window in enumerate(found.windows)}
            for one in described[part]:
                np.save(folder / f"{one['id']}.npy", found.frames[place[one["clip"], one["start_frame"]]])
    return folder


@pytest.fixture(scope="module")
def flow(tiny, windows, tmp_path_factory):
    """The flow's rollouts as somebody else's predictions."""
    return give_back(tiny, windows, tmp_path_factory.mktemp("given") / "theirs", "flow/seed0/flow-4")


@pytest.fixture
def copied(flow, tmp_path):
    """The same, to be spoilt."""
    return shutil.copytree(flow, tmp_path / "theirs", ignore=shutil.ignore_patterns("scored"))


def lines(file, label):
    """The lines of a row in a table.csv, without its name, by horizon and metric."""
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    row = table[(table["sampler"] == label) | (table["method"] == label)]
    assert len(row)
    return {(one["horizon_s"], one["metric"]): tuple(one)[4:] for _, one in row.iterrows()}


def check_row(tiny, output, name, own):
    """The row `name` of the new table is the run's row `own`, and all others are the run's, to the last digit."""
    before, after = tiny.results / "07_metrics/table.csv", output / "table.csv"
    theirs, ours = lines(after, name), lines(before, own)
    assert theirs == {key: value for key, value in ours.items() if key[1] not in OF_LATENT_STATES}
    others = [line for line in after.read_text().splitlines() if not line.startswith(f"{name},")]
    assert others == before.read_text().splitlines()
    values = [
        pq.read_table(file).to_pandas() for file in (output / "scores.parquet", before.parent / "metrics.parquet")
    ]
    column = "method" if own in set(values[1]["method"]) else "sampler"
    row = values[1][(values[1][column] == own) & ~values[1]["metric"].isin(OF_LATENT_STATES)]
    keys = ["metric", "step", "clip", "window_start", "sample", "at_fork", "value"]
    mine, theirs = (one[keys].sort_values(keys[:5]).reset_index(drop=True) for one in (row, values[0]))
    pd.testing.assert_frame_equal(theirs, mine, check_exact=True)


def test_the_flow_of_the_run_given_back_is_its_own_row(tiny, windows, flow, capsys):
    assert lamo("score", flow, "--run", tiny.results, "--over", "flow-4", "gmm") == 0
    check_row(tiny, flow / "scored", "theirs", "flow-4")
    found = pd.read_csv(flow / "scored/comparisons.csv")
    own = found[found["second"] == "flow-4"]
    assert (own[["difference", "ci_low", "ci_high"]].dropna() == 0).all(axis=None)
    assert set(own["metric"]) >= {"psnr", "psnr_mean", "energy_score", "energy_features", "fd_imagenet"}
    # A difference by hand.
    values = pq.read_table(tiny.results / "07_metrics/metrics.parquet").to_pandas()
    values = values[(values["metric"] == "psnr") & (values["step"] == 5) & ~values["at_fork"].astype(bool)]
    by_row = values.groupby("sampler")["value"].mean()
    over = found[(found["second"] == "gmm") & (found["metric"] == "psnr") & (found["horizon_s"] == 1.0)]
    assert over["difference"].item() == pytest.approx(by_row["flow-4"] - by_row["gmm"], abs=1e-6)
    assert re.search("^theirs  .*^theirs over gmm  ", capsys.readouterr().out, re.MULTILINE | re.DOTALL)


def test_a_control_given_back_is_its_own_row(tiny, windows, tmp_path):
    folder = give_back(tiny, windows, tmp_path / "given", "controls/oracle_motion")
    arguments = ("--name", "control", "--deterministic", "-o", tmp_path / "out")
    assert lamo("score", folder, "--run", tiny.results, *arguments) == 0
    check_row(tiny, tmp_path / "out", "control", "oracle_motion")


def test_the_example_of_the_documents_is_persistence(tiny, windows, tmp_path):
    """From the exported files alone, as somebody else would make it."""
    (code,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/scores.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "still.py").write_text(code)
    given = tmp_path / "given"
    subprocess.run([sys.executable, tmp_path / "still.py", windows, given], check=True)
    described = json.loads((given / "windows.json").read_text())
    for part, end in (("several", ""), ("single", ".single")):
        found = store(tiny, f"controls/persistence_pixels{end}")
        for one, window, frames in zip(described[part], found.windows, found.frames, strict=True):
            assert (one["clip"], one["start_frame"]) == (window.clip_id, window.start)
            np.testing.assert_array_equal(np.load(given / f"{one['id']}.npy"), frames)
    assert lamo("score", given, "--run", tiny.results, "--name", "still", "--deterministic") == 0
    check_row(tiny, given / "scored", "still", "persistence_pixels")


def test_observed_frames_are_those_of_the_run_and_the_future_is_not_told(tiny, windows, tmp_path):
    context = store(tiny, "context")
    described = json.loads((windows / "windows.json").read_text())
    for one, frames in zip(described["several"], context.frames[:, 0], strict=True):
        np.testing.assert_array_equal(np.load(windows / one["observed"]), frames)
        with av.open(str(windows / one["video"])) as video:
            shown = np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])
            assert float(video.streams.video[0].average_rate) == described["rate_hz"]
        assert np.abs(shown[:, ::2, ::2].astype(float) - frames).mean() < 4
    assert described["samples"]["flow-4"] == 2
    assert described["samples"]["persistence_pixels"] == 1
    assert not (windows / "truth").exists()
    assert not any("truth" in one or "at_fork" in one for one in described["several"] + described["single"])
    names = {f"{one['id']}{end}" for one in described["several"] + described["single"] for end in (".npy", ".mp4")}
    assert {file.name for file in (windows / "observed").iterdir()} == names
    assert lamo("windows", tiny.results, "-o", tmp_path / "more", "--truth") == 0
    told = json.loads((tmp_path / "more/windows.json").read_text())
    for part, name in (("several", "truth"), ("single", "truth.single")):
        for one, frames in zip(told[part], store(tiny, name).frames[:, 0], strict=True):
            np.testing.assert_array_equal(np.load(tmp_path / "more" / one["truth"]), frames)
            assert (tmp_path / "more" / one["truth_video"]).stat().st_size


def test_one_sample_and_no_single_windows_leave_scores_out(tiny, windows, tmp_path, capsys):
    folder = give_back(tiny, windows, tmp_path / "given", "flow/seed0/flow-4", single=False)
    for file in folder.glob("several-*.npy"):
        np.save(file, np.load(file)[:1])
    capsys.readouterr()
    assert lamo("score", folder, "--run", tiny.results, "--name", "one", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["name"], facts["run"], facts["samples"]) == ("one", "tiny", 1)
    found = {one["metric"]: one["mean"] for one in facts["scores"] if one["horizon_s"] == 1.0}
    assert (found["energy_score"], found["energy_features"]) == (None, None)
    assert found["psnr"] > 0
    assert not any(name.startswith(("fd_", "kid_")) for name in found)
    assert "no distances between distributions" in facts["notes"][0]
    assert "no energy scores" in facts["notes"][1]
    assert "flow-2, which have other numbers of samples" in facts["notes"][2]
    assert {one["over"] for one in facts["comparisons"]} == {"flow-2", "constant_motion"}
    compared = {(one["over"], one["metric"]): one["difference"] for one in facts["comparisons"]}
    assert ("flow-2", "psnr_mean") not in compared
    assert ("constant_motion", "psnr_mean") in compared
    assert compared["flow-2", "energy_score"] is None
    table = (folder / "scored/table.md").read_text()
    assert all(note in table for note in facts["notes"])


def test_predictions_that_cannot_be_scored_leave_nothing(tiny, windows, copied, capsys):
    run = ("--run", tiny.results)
    np.save(copied / "several-0001.npy", np.load(copied / "several-0001.npy") / 255)
    assert "several-0001.npy: found values of type float64" in refused(capsys, "score", copied, *run)
    (copied / "several-0001.npy").unlink()
    assert "found no prediction of 1 of 4 windows (several-0001)" in refused(capsys, "score", copied, *run)
    np.save(copied / "several-0001.npy", np.load(copied / "several-0000.npy"))
    (copied / "single-0003.npy").unlink()
    assert "found no prediction of 1 of 8 windows (single-0003)" in refused(capsys, "score", copied, *run)
    np.save(copied / "single-0003.npy", np.load(copied / "several-0000.npy"))
    assert "single-0003.npy: found 2 samples, expected 1" in refused(capsys, "score", copied, *run)
    np.save(copied / "single-0003.npy", np.load(copied / "several-0000.npy")[:1])
    assert "found 2 samples of each window" in refused(capsys, "score", copied, *run, "--deterministic")
    assert not list(copied.glob("*scored*"))


def test_lists_of_windows_that_do_not_fit_are_refused(tiny, windows, copied, capsys):
    file, run = copied / "windows.json", ("--run", tiny.results)
    told = json.loads(file.read_text())
    file.write_text(json.dumps(told | {"run": "other", "truth": ["0", "1"]}))
    assert "found windows of the run other with other true frames" in refused(capsys, "score", copied, *run)
    file.write_text(json.dumps(told | {"format": 2}))
    assert "found no list of windows of format 1" in refused(capsys, "score", copied, *run)
    file.write_text("[")
    assert "not valid JSON" in refused(capsys, "score", copied, *run)
    file.unlink()
    assert "windows.json: not found; copy the one" in refused(capsys, "score", copied, *run)
    assert "no such folder" in refused(capsys, "score", copied / "nowhere", *run)


def test_names_and_rows_that_do_not_fit_are_refused(tiny, copied, capsys):
    run = ("--run", tiny.results)
    assert "which is a row of" in refused(capsys, "score", copied, *run, "--name", "flow-4")
    assert "found 'a over b', expected letters" in refused(capsys, "score", copied, *run, "--name", "a over b")
    assert re.search(
        "no row flow-9.* some of .* flow-2, flow-4", refused(capsys, "score", copied, *run, "--over", "flow-9")
    )


@pytest.mark.parametrize("command", ["windows", "score"])
def test_outputs_that_cannot_be_made_are_refused(command, tiny, copied, tmp_path, capsys):
    begin = ("windows", tiny.results) if command == "windows" else ("score", copied, "--run", tiny.results)
    (tmp_path / "there").mkdir()
    assert "found something there already" in refused(capsys, *begin, "-o", tmp_path / "there")
    (tmp_path / "link").symlink_to(tiny.results)
    assert "in the run's own folder" in refused(capsys, *begin, "-o", tmp_path / "link" / "new")
    (tmp_path / "file").touch()
    assert "expected a folder that can be written to" in refused(capsys, *begin, "-o", tmp_path / "file" / "new")
    assert not (tiny.results / "new").exists()


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("config.json", "found no config.json, expected the folder of a run"),
        ("07_metrics/summary.parquet", "07_metrics/summary.parquet, expected a finished run; run it to its end"),
        ("06_rollouts/truth.single.manifest.json", "truth.single.manifest.json, expected a finished run"),
    ],
)
def test_runs_that_are_not_finished_are_refused(lost, words, tiny, copied, tmp_path, capsys):
    run = tmp_path / "run"
    kept = shutil.ignore_patterns("checkpoints", "0[1-5]_*", "model", "logs")
    shutil.copytree(tiny.results, run, symlinks=True, ignore=kept)
    assert "01_frames/frames/val/0.manifest.json" in refused(capsys, "windows", run, "-o", tmp_path / "out")
    (run / lost).unlink()
    for begin in (("windows", run), ("score", copied, "--run", run)):
        assert words in refused(capsys, *begin, "-o", tmp_path / "out")
    assert "no such folder" in refused(capsys, "windows", tmp_path / "nowhere", "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()
