"""Paths with blanks, braces and other signs: they work, or one line says so before the first job."""

import dataclasses
import os
import subprocess
import sys
import sysconfig

import numpy as np
import pytest

from lamo.world.write import write_video

FOUND = "01_frames/found.parquet"
SIGNS = ["my drive", "a{b}c", "it's", "<results>", '50% #1; "x" ü']


def videos_in(folder):
    """A video, with what BDD100K ships beside it."""
    for name in ("a.mov", "b.mov"):
        frames = np.random.default_rng(len(name)).integers(0, 255, (3, 16, 32, 3), dtype=np.uint8)
        write_video(folder / name, frames + ord(name[0]), fps=5)
    for name in ("info/100k/a.json", "images/100k/a.jpg"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("{}")
    return folder


@pytest.mark.parametrize("name", SIGNS)
def test_signs_in_the_path_of_the_videos(new_workflow, tmp_path, name):
    folder = videos_in(tmp_path / name)
    quoted = "'" + str(folder).replace("'", "''") + "'"
    output = new_workflow(f"videos={{root: {quoted}, split: by_video}}").run("--dry-run")
    assert "frames_info" in output
    assert "frames_stills" in output


@pytest.mark.parametrize(
    "entry", ["midway={checkpoint: 'a{b}c/model.pt'}", "metrics={fid: {weights: '<results>/a.pt'}}"]
)
def test_signs_that_cannot_work_in_the_paths_of_inputs(new_workflow, entry):
    output = new_workflow(entry).run("--dry-run", succeeds=False)
    (line,) = [line for line in output.splitlines() if line.startswith("config: ")]
    assert "which Snakemake takes for a wildcard; give it another name, or make a link" in line
    assert "Traceback" not in output


def test_a_python_and_a_folder_with_blanks(new_workflow, tmp_path):
    place = tmp_path / "my drive's"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / ".venv"], check=True)
    (packages,) = (place / ".venv").glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    folder = videos_in(place / "videos")
    quoted = "'" + str(folder).replace("'", "''") + "'"
    workflow = dataclasses.replace(new_workflow(f"videos={{root: {quoted}, split: by_video}}"), directory=place)
    (place / "config").symlink_to(workflow.root / "config")
    command = [str(place / ".venv" / "bin" / "python"), *workflow.command(targets=(FOUND,))[1:]]
    environment = {**os.environ, "PYTHONPATH": str(workflow.root), "TMPDIR": str(place)}
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (workflow.results / FOUND).is_file()


def test_a_locale_without_utf8_is_told_at_once(new_workflow):
    workflow = new_workflow()
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = workflow.command("--dry-run", targets=(FOUND,))
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert "names of files are read as ascii (locale C), expected UTF-8; set PYTHONUTF8=1" in done.stderr
    assert "Traceback" not in done.stderr
