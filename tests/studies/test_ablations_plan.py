"""Which jobs, stages and comparisons a study of ablations consists of, and what is refused."""

import sys

import pytest
import yaml
from ablation_cases import HISTORY, LEVELS, SOLVER, TINY, call, read

from lamo.config import load_config
from lamo.errors import LamoError
from lamo.jobs.code_hash import code_hash, code_modules, predictor_modules
from studies.ablations import __main__ as program
from studies.ablations import work, worlds
from studies.ablations.plan import make_plan
from studies.ablations.settings import read_study
from studies.common import merged, read_yaml


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
    assert {"lamo/predictors/flow/head.py", "lamo/metrics/samples.py", "studies/ablations/work.py"} <= set(flow)
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
