"""The study of recurrences, on two tiny clips."""

import json

import numpy as np
import pytest
import yaml

from lamo.errors import LamoError
from lamo.stores.frames import FramesWriter
from lamo.tools.config_docs import default_text
from lamo.tools.documents import replace_between
from studies.recurrence import __main__ as program
from studies.recurrence.settings import read_study

STUDY = {
    "datasets": {"toy": "nowhere"},
    "seeds": [0, 1],
    "base": "held",
    "midway": {
        "encoder": {"width": 12, "depth": 2, "heads": 1, "patch": 8, "levels": [0, 1]},
        "inverse": {"tokens": 2, "width": 8, "depth": 1, "heads": 1},
        "forward": {"depth": 1, "heads": 2},
        "training": {"pretraining": {"steps": 2, "batch": 2}, "steps": 2, "batch": 2, "unroll": [1]},
    },
    "decoder": {"depth": 1, "width": 12, "heads": 1, "steps": 2, "batch": 2},
    "windows_per_clip": 2,
    "blur_windows": 2,
    "resamples": 20,
    "variants": [
        {"name": "held", "about": "base"},
        {
            "name": "again", "about": "recomputed", "model_of": "held",
            "midway": {"recurrence": {"top": "recomputed"}},
        },
        {"name": "flat", "about": "no weights", "midway": {"training": {"change_weight": 0.0}}},
    ],
}  # fmt: skip


@pytest.fixture
def frames(tmp_path):
    """The folder 01_frames of a run of two clips each."""
    for seed, split in enumerate(("train", "val")):
        folder = tmp_path / "01_frames" / "frames" / split
        folder.mkdir(parents=True)
        with FramesWriter(folder / "0.zarr", folder / "0.manifest.json", 16, 32) as writer:
            for clip in "ab":
                strip = np.random.default_rng([seed, ord(clip)]).integers(0, 256, (16, 80, 3))
                moving = np.stack([strip[:, 2 * t : 2 * t + 32] for t in range(14)]).astype(np.uint8)
                writer.add_clip(clip, moving, np.arange(14) / 5)
    return tmp_path / "01_frames"


@pytest.fixture
def run(tmp_path, frames):
    """run(*options, study) -> exit code of the program; its files lie in tmp_path."""
    (tmp_path / "config.yaml").write_text(default_text(), encoding="utf-8")

    def call(*options, study=STUDY):
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
        files = [
            "--study",
            tmp_path / "study.yaml",
            "--config",
            tmp_path / "config.yaml",
            "--results",
            tmp_path / "out",
        ]
        rest = ["--threads", "1", "--datasets", f"toy={frames}", *options]
        return program.main([*map(str, files), *map(str, rest)])

    return call


def scores(tmp_path, name, seed=0):
    return json.loads((tmp_path / "out" / "toy" / f"{name}-seed{seed}.json").read_text())["scores"]


def test_study_runs_resumes_and_writes_its_tables(run, tmp_path, monkeypatch):
    docs = tmp_path / "docs.md"
    docs.write_text("before\n<!-- toy: begin -->\nold\n<!-- toy: end -->\nafter\n", encoding="utf-8")
    assert run("--docs", docs) == 0
    text = docs.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- toy: begin -->\n`toy`: ")
    assert text.endswith("<!-- toy: end -->\nafter\n")
    assert "old" not in text
    assert "4 rollouts of 8 steps on 2 held-out clips, training seeds 0, 1" in text
    for row in (
        "| held | base |",
        "| again | recomputed |",
        "| flat |",
        "| decoder ceiling (held) |",
        "| shuffled motion",
    ):
        assert row in text
    assert "the upper levels miss the true ones by" in text
    # Without laterals upper levels reach no decoded frame; another training does.
    assert scores(tmp_path, "again") == scores(tmp_path, "held")
    assert scores(tmp_path, "flat")["oracle_motion"] != scores(tmp_path, "held")["oracle_motion"]
    assert scores(tmp_path, "flat")["decoder_ceiling"] == scores(tmp_path, "held")["decoder_ceiling"]
    kinds = [folder.name.partition("-")[0] for folder in (tmp_path / "out" / "cache").iterdir()]
    assert {kind: kinds.count(kind) for kind in kinds} == {"encoder": 2, "midway": 4, "decoder": 2}
    monkeypatch.setattr(program, "measure", lambda *_: pytest.fail("computed again"))
    monkeypatch.setattr(program, "make_bench", lambda *_: pytest.fail("measured again"))
    assert run() == 0
    with pytest.raises(pytest.fail.Exception):
        run(study=STUDY | {"midway": STUDY["midway"] | {"recurrence": {"projection": "scale"}}})


def test_wrong_use_is_said_in_one_line(run, caplog):
    assert run("--variants", "held,other") == 1
    assert "--variants: found other, expected held, again, flat" in caplog.text
    assert run("--datasets", "elsewhere") == 1
    assert "--datasets: found elsewhere, expected toy, or NAME=FOLDER" in caplog.text
    assert run("--datasets", "toy=nowhere") == 1
    assert "nowhere: found no frames/train/*.manifest.json" in caplog.text


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"name": "held", "about": ""}, "two variants are named held"),
        ({"name": "b", "about": "", "model_of": "again"}, "model_of: found again, expected a variant with a model"),
        (
            {"name": "b", "about": "", "model_of": "held", "midway": {"training": {}}},
            "found training, but a model_of held allows",
        ),
        ({"name": "b", "about": "", "midway": {"training": {"stepz": 1}}}, r"training\.stepz: Extra"),
    ],
)
def test_wrong_variants_are_refused(tmp_path, variant, message):
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(STUDY | {"variants": [*STUDY["variants"], variant]}), encoding="utf-8")
    (tmp_path / "config.yaml").write_text(default_text(), encoding="utf-8")
    with pytest.raises(LamoError, match=message):
        read_study(file, tmp_path / "config.yaml")


def test_the_study_of_the_project_is_valid_and_its_page_has_a_place_for_each_dataset(tmp_path):
    study = read_study(program.ROOT / "studies" / "recurrence.yaml", program.ROOT / "config" / "config.yaml")
    page = tmp_path / "recurrence.md"
    page.write_text((program.ROOT / "docs" / "recurrence.md").read_text(encoding="utf-8"), encoding="utf-8")
    for dataset in study.config.datasets:
        replace_between(page, dataset, f"table of {dataset}\n")
        assert f"table of {dataset}\n" in page.read_text(encoding="utf-8")
    with pytest.raises(LamoError, match="found no place for the table"):
        replace_between(page, "other", "")
