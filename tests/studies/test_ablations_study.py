"""The study of ablations: its settings, and all of it on a tiny run whose models are not trained."""

import csv
import json
import sys

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from lamo.config import load_config
from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.errors import LamoError
from lamo.metrics.intervals import ClipBootstrap
from lamo.midway.extraction import extract_latents
from lamo.midway.network import Midway
from lamo.predictors.statistics import compute_statistics
from lamo.rollout.windows import ClipFrames
from lamo.stores.frames import FramesStore, FramesWriter, open_frames
from lamo.stores.latents import LatentsStore, LatentsWriter
from lamo.workflow.code_hash import code_hash, code_modules, predictor_modules
from studies.ablations import __main__ as program
from studies.ablations import work, worlds
from studies.ablations.plan import make_plan
from studies.ablations.settings import read_study
from studies.common import merged, read_yaml

TINY = merged(
    read_yaml(program.ROOT / "config" / "tiny.yaml"),
    {"midway": {"encoder": {"width": 12, "depth": 2, "heads": 1, "levels": [0, 1]}}, "rollouts": {"stride_s": 0.4}},
)
FREE = {"predictors": {"history": 0, "flow": {"anchor": "none"}, "gmm": {"anchor": "none"}}}
HISTORY = {
    "name": "history", "title": "History", "about": "K", "predictor": "flow", "samplers": ["flow-2"],
    "variants": [
        {"name": "k3", "about": "three"},
        {"name": "k4", "about": "four", "over": {"predictors": {"history": 4}}},
        {"name": "k0", "about": "none", "over": FREE},
    ],
}  # fmt: skip
SOLVER = {
    "name": "solver", "title": "Solver", "about": "steps", "predictor": "flow", "samplers": ["flow-2"],
    "variants": [
        {"name": "euler", "about": "two"},
        {"name": "heun", "about": "Heun", "samplers": ["flow-1-heun"]},
    ],
}  # fmt: skip
MIXTURE = {
    "name": "mixture", "title": "Mixture", "about": "M", "predictor": "gmm", "samplers": ["gmm", "gmm-mean"],
    "variants": [{"name": "m2", "about": "two"}],
}  # fmt: skip
LEVELS = {
    "name": "levels", "title": "Levels", "about": "z", "predictor": "flow", "samplers": ["flow-2"],
    "variants": [
        {"name": "fine", "about": "finest"},
        {"name": "both", "about": "both", "over": {"latents": {"levels": [0, 1]}}},
        {"name": "trained", "about": "other network", "over": {"midway": {"training": {"motion_noise": 0.5}}}},
        {"name": "again", "about": "the same", "over": {"midway": {"training": {"motion_noise": 0.5}}}},
    ],
}  # fmt: skip
STUDY = {"seeds": [0, 1], "groups": [HISTORY, SOLVER, MIXTURE]}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A working directory with the run tiny up to stage 04, of models as they are initialised."""
    directory = tmp_path_factory.mktemp("run")
    folder, config = directory / "results" / "tiny", load_config(TINY)
    torch.manual_seed(0)
    model = Midway(config.midway, (16, 32)).eval()
    model.save(folder / "02_midway")
    stores = {}
    for number, split in enumerate(("train", "val")):
        frames, latents = folder / "01_frames" / "frames" / split, folder / "03_latents" / "latents" / split
        frames.mkdir(parents=True)
        latents.mkdir(parents=True)
        with FramesWriter(frames / "0.zarr", frames / "0.manifest.json", 16, 32) as writer:
            for clip in "ab":
                strip = np.random.default_rng([number, ord(clip)]).integers(0, 256, (16, 80, 3))
                moving = np.stack([strip[:, 2 * t : 2 * t + 32] for t in range(16)]).astype(np.uint8)
                writer.add_clip(clip, moving, np.arange(16) / 5)
        with LatentsWriter(latents / "0.zarr", latents / "0.manifest.json") as writer:
            store = FramesStore(frames / "0.zarr", frames / "0.manifest.json")
            extract_latents(model, store, config.latents, writer, torch.device("cpu"))
        stores[split] = LatentsStore(latents / "0.zarr", latents / "0.manifest.json")
    compute_statistics([stores["train"]]).save(folder / "03_latents" / "statistics.safetensors")
    PixelDecoder(config.decoder, 12, (2, 4), 8).save(folder / "04_decoder")
    (directory / "tiny.yaml").write_text(yaml.safe_dump(TINY), encoding="utf-8")
    return directory


@pytest.fixture
def study(finished, tmp_path, monkeypatch):
    """study(groups...) -> its file; the finished run is the working directory."""
    monkeypatch.chdir(finished)

    def write(settings=STUDY, **changes):
        file = tmp_path / "study.yaml"
        file.write_text(yaml.safe_dump({**settings, **changes}), encoding="utf-8")
        return file

    return write


def read(file):
    return read_study(file, "tiny", "tiny.yaml")


def call(file, *options):
    return program.main(
        ["--run", "tiny", "--configfile", "tiny.yaml", "--study", str(file), "--threads", "1", *options]
    )


def test_study_runs_resumes_and_writes_its_page(study, tmp_path, monkeypatch, finished):
    file, page = study(), tmp_path / "page.md"
    assert call(file, "--docs", str(page)) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Ablations")
    assert "![Every row less its reference](images/page.png)" in text
    with Image.open(tmp_path / "images" / "page.png") as picture:
        assert picture.width > 1000
        assert len(picture.getcolors(1 << 20)) > 10
    facts = "4 windows of 2 held-out clips, 2 samples each; trained for 4 steps of 4 windows, seed 0, 1. "
    assert text.count(facts) == 3
    for row in (
        "| k3 | three | flow-2 |",
        "| k0 | none | flow-2 |",
        "| heun | Heun | flow-1-heun |",
        "| m2 | two | gmm |",
    ):
        assert row in text
    assert text.count("| control | constant motion |") == 3
    folder = finished / "results" / "studies" / "ablations" / "tiny"
    # k3, m2, k0, k4 with two seeds each: the solvers sample the predictor of k3.
    assert len(list((folder / "models").iterdir())) == 8
    assert not list((folder / "models").rglob("checkpoints"))
    with (folder / "ablations.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    ours = [row for row in rows if row["variant"] == "k0" and row["metric"] == "psnr"]
    assert [row["horizon_s"] for row in ours] == ["0.2", "0.6", "1.6"]
    assert {(row["reference"], row["seeds"], row["windows"]) for row in ours} == {("k3 flow-2", "2", "4")}
    monkeypatch.setattr(program, "run_job", lambda job: pytest.fail(f"computed again: {job.label}"))
    page.write_text(text.replace("| k3 | three |", "| old |") + "\nadded by hand\n", encoding="utf-8")
    assert call(file, "--groups", "solver", "--docs", str(page)) == 0
    assert "| old |" in page.read_text(encoding="utf-8"), "a group that was not asked for is left as it is"
    assert call(file, "--docs", str(page)) == 0
    assert page.read_text(encoding="utf-8") == text + "\nadded by hand\n"
    with pytest.raises(pytest.fail.Exception):
        call(study(common={"predictors": {"flow": {"training": {"steps": 5}}}}))


def test_every_history_predicts_the_same_frames(study):
    evaluation = make_plan(read(study()), ["history"], program.RESULTS).evaluation
    clips = ClipFrames(open_frames(*worlds.stores(evaluation.frames, work.FRAMES, "val")))
    targets = []
    for history in (4, 3, 0):
        windows, plan = evaluation.windows(clips, history), evaluation.plan(history)
        targets.append(clips.read(windows, history + 1, plan.length))
    assert targets[0].shape == (4, 8, 16, 32, 3)
    assert (targets[1] == targets[0]).all()
    assert (targets[2] == targets[0]).all()


def test_differences_are_those_of_windows_and_seeds(study):
    file = study(groups=[HISTORY])
    assert call(file) == 0
    plan = make_plan(read(file), ["history"], program.RESULTS)
    scores = [
        np.stack([json.loads(job.file("flow-2").read_text())["scores"]["psnr"] for job in plan.trainings[name]], axis=1)
        for name in ("k0", "k3")
    ]
    assert scores[0].shape == (4, 2, 3)
    expected = ClipBootstrap(["a", "a", "b", "b"], 100, 0).means(scores[0] - scores[1], seeded=True)
    with (plan.folder / "ablations.csv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if (row["variant"], row["metric"]) == ("k0", "psnr")]
    for row, interval in zip(rows, expected, strict=True):
        found = [float(row[name]) for name in ("difference", "difference_low", "difference_high")]
        assert found == pytest.approx([interval.mean, interval.low, interval.high], rel=1e-4)


def test_stages_of_their_own_are_made_from_the_rendered_videos_and_shared(study):
    parsed = read(study(groups=[LEVELS]))
    run = worlds.open_run(parsed, program.RESULTS)
    stages = worlds.stages_of(parsed, run)
    assert stages["fine"] is run.stages
    assert stages["trained"] is stages["again"]
    both, trained = stages["both"].config, stages["trained"].config
    assert both["run"] == "tiny-both"
    assert both["videos"]["root"] == "results/tiny/01_frames/world/videos"
    assert both["videos"]["split"] == "folders"
    # The state alone is another: the network is that of the run. What it is trained with is another: it is trained.
    assert both["midway"]["checkpoint"] == "results/tiny/02_midway"
    assert trained["midway"]["checkpoint"] is None
    assert load_config(both).latents.levels == (0, 1)
    assert load_config(trained).midway.training.motion_noise == 0.5


def test_results_depend_on_the_code_that_makes_them(study, finished):
    jobs = make_plan(read(study()), ["history", "mixture"], program.RESULTS).jobs
    codes = {job.predictor.name if job.predictor else None: job.code for job in jobs}
    flow = code_modules(work.__file__, predictor_modules("flow"))
    assert {"lamo/predictors/flow_head.py", "lamo/metrics/samples.py", "studies/ablations/work.py"} <= set(flow)
    assert "studies/ablations/page.py" not in flow
    assert codes["flow"] == code_hash(work.__file__, predictor_modules("flow"))
    assert len(set(codes.values())) == 3


def test_rows_are_compared_with_the_sampler_that_the_group_names(study, finished):
    assert call(study()) == 0
    group = {**SOLVER, "samplers": ["flow-2", "flow-1-heun"], "against": "flow-1-heun"}
    parsed = read(study(groups=[group], seeds=[0, 1]))
    assert call(study(groups=[group], seeds=[0, 1])) == 0
    rows, missing = make_plan(parsed, ["solver"], program.RESULTS).rows(parsed.groups[0])
    assert not missing
    compared = [(row.label, row.reference.label if row.reference else None) for row in rows if row.about != "control"]
    assert compared == [
        ("euler flow-2", "euler flow-1-heun"),
        ("euler flow-1-heun", None),
        ("heun flow-1-heun", "euler flow-1-heun"),
    ]
    with pytest.raises(LamoError, match=r"solver: against: found flow-9, expected one of flow-2, flow-1-heun"):
        read(study(groups=[{**group, "against": "flow-9"}]))


@pytest.mark.parametrize("status", [0, 3])
def test_snakemake_is_asked_for_stage_04(study, tmp_path, status):
    stages = worlds.stages_of(parsed := read(study(groups=[LEVELS])), worlds.open_run(parsed, program.RESULTS))["both"]
    script = tmp_path / "stand_in.py"
    script.write_text(f"import sys; print(sys.argv[1:]); sys.exit({status})", encoding="utf-8")
    if status:
        with pytest.raises(LamoError, match=r"tiny-both: Snakemake ended with status 3; .*tiny-both\.log"):
            worlds.make(stages, 2, tmp_path, [sys.executable, str(script)])
    else:
        worlds.make(stages, 2, tmp_path, [sys.executable, str(script)])
    said = (tmp_path / "tiny-both.log").read_text(encoding="utf-8")
    assert "'results/tiny-both/04_decoder/model.safetensors'" in said
    assert load_config(read_yaml(tmp_path / "tiny-both.yaml")).run == "tiny-both"


def test_processes_side_by_side_give_the_same_numbers(study, monkeypatch, finished):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    file = study(groups=[MIXTURE], seeds=[3, 4])
    numbers = []
    for threads in ("1", "2"):
        assert call(file, "--threads", threads) == 0
        jobs = make_plan(read(file), ["mixture"], program.RESULTS).jobs
        scores = [job.file(row) for job in jobs for row in job.rows]
        numbers.append([json.loads(one.read_text())["scores"] for one in scores])
        for path in (*scores, *(job.model / "facts.json" for job in jobs if job.predictor)):
            path.unlink()
    assert numbers[0] == numbers[1]
    assert numbers[0][-1] != numbers[0][-2]


def test_a_variant_that_fails_leaves_the_others(study, monkeypatch, capsys, caplog):
    settings = merged(STUDY, {"seeds": [7], "groups": [HISTORY]})
    usual = program.run_job

    def failing(job):
        if "k4" in job.label:
            raise LamoError("flow-2: the state is not finite")
        return usual(job)

    monkeypatch.setattr(program, "run_job", failing)
    assert call(study(settings)) == 1
    assert "history k4, seed 7: error: flow-2: the state is not finite" in caplog.text
    text = capsys.readouterr().out
    assert "| k0 | none |" in text
    assert "Not finished: k4 flow-2." in text


def test_wrong_use_is_said_in_one_line(study, finished, caplog):
    assert call(study(), "--groups", "history,other") == 1
    assert "--groups: found other, expected history, solver, mixture" in caplog.text
    assert program.main(["--run", "other", "--configfile", "tiny.yaml", "--study", str(study())]) == 1
    assert "--run: found other, but tiny.yaml is the configuration of the run tiny" in caplog.text
    wrong = merged(TINY, {"midway": {"inverse": {"tokens": 4}}})
    (finished / "wrong.yaml").write_text(yaml.safe_dump(wrong), encoding="utf-8")
    assert program.main(["--run", "tiny", "--configfile", "wrong.yaml", "--study", str(study())]) == 1
    assert "found other settings than section midway of the configuration" in caplog.text
    (finished / "absent.yaml").write_text(yaml.safe_dump({**TINY, "run": "absent"}), encoding="utf-8")
    assert program.main(["--run", "absent", "--configfile", "absent.yaml", "--study", str(study())]) == 1
    assert "results/absent: found no 02_midway/model.safetensors" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"over": {"predictors": {"history": 0}}}, "predictors.flow.anchor is 'linear', but with predictors.history 0"),
        (
            {"over": {"predictors": {"flow": {"anker": 1}}}},
            r"unknown key predictors\.flow\.anker .* did you mean anchor",
        ),
        (
            {"over": {"frames": {"height": 8}}},
            "found frames, expected sections among predictors, midway, latents, decod",
        ),
        ({"over": {"latents": {"levels": [2]}}}, r"latents\.levels: found \[2\], expected numbers of pyramid levels"),
        (
            {"over": {"midway": {"checkpoint": "x", "inverse": {"tokens": 4}}}},
            "midway: found inverse, but .* is x, with",
        ),
        ({"samplers": ["gmm"]}, "samplers: found gmm, of predictor gmm; expected those of flow"),
        ({"samplers": ["flow-0"]}, "asks for 0 integration steps"),
        ({"name": "k3"}, "two variants are named k3"),
        ({"name": "K 3"}, r"groups\.0\.variants\.3\.name: String should match pattern"),
    ],
)
def test_wrong_variants_are_refused_before_anything_is_trained(study, change, message):
    variant = {"name": "new", "about": "", **change}
    group = {**HISTORY, "variants": [*HISTORY["variants"], variant]}
    with pytest.raises(LamoError, match=message):
        read(study(groups=[group]))


def test_the_study_of_the_project_is_valid():
    parsed = read_study(program.ROOT / "studies" / "ablations.yaml", "demo")
    assert parsed.longest_history == 6
    by_name = {variant.name: variant.config for variant in parsed.variants}
    assert by_name["k0"].predictors.flow.anchor == by_name["k3-free"].predictors.flow.anchor == "none"
    tokens = [(len(one.midway.encoder.levels) - 1) * one.midway.inverse.tokens
              for name, one in by_name.items() if name.startswith("levels-")]  # fmt: skip
    assert tokens == [30, 30, 30]
