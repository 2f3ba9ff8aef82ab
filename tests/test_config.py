"""The configuration: defaults, generated files, and one clear line for every mistake."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lamo.config import Config, fields, load_config
from lamo.earlier_keys import MOVED
from lamo.errors import LamoError
from lamo.tools.config_docs import generated_files

ROOT = Path(__file__).resolve().parents[1]


def from_file(name: str) -> dict:
    return yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", list(generated_files()))
def test_generated_files_are_up_to_date(name):
    assert (ROOT / name).read_text(encoding="utf-8") == generated_files()[name], "run `make config`"


def test_default_file_holds_every_key_with_its_default():
    assert load_config(from_file("config.yaml")) == Config()
    assert from_file("config.yaml") == Config().model_dump(mode="json", by_alias=True)


@pytest.mark.parametrize("name", ["tiny.yaml", "videos.yaml", "published.yaml", "compact.yaml", "bdd100k.yaml"])
def test_other_files_are_valid_and_named(name):
    assert load_config(from_file(name)).run == name.removesuffix(".yaml")


def test_no_config_holds_choices_of_a_machine():
    keys = str(Config.model_json_schema(by_alias=True)["properties"].keys())
    for word in ("threads", "cores", "gpu", "partition", "mem"):
        assert word not in keys


def sections(model=Config, prefix=""):
    for key, field, section in fields(model):
        yield f"{prefix}{key}", field, section
        if section:
            yield from sections(section, f"{prefix}{key}.")


def test_every_key_is_described():
    bare = [key for key, field, section in sections() if not (field.description or (section and section.__doc__))]
    assert not bare


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"sed": 1}, "unknown key sed (found 1); did you mean seed?"),
        ({"decoder": {"widht": 3}}, "unknown key decoder.widht (found 3); did you mean width?"),
        ({"world": {"qqqq": 3}}, "unknown key world.qqqq (found 3); known keys there: seed, train_videos"),
        ({"midway": {"forward_": {}}}, "unknown key midway.forward_ (found {}); did you mean forward?"),
        ({"seed": "x"}, "seed: found 'x', expected a valid integer"),
        ({"seed": None}, "seed: found None, expected a valid integer"),
        ({"seed": -1}, "seed: found -1, expected greater than or equal to 0"),
        ({"frames": {"rate_hz": 0}}, "frames.rate_hz: found 0, expected greater than 0"),
        ({"predictors": 3}, "predictors: found 3, expected a valid dictionary"),
        ({"predictors": {"seeds": [0, "a"]}}, "predictors.seeds.1: found 'a', expected a valid integer"),
        ({"run": "../x"}, "run: found '../x'"),
        ({"videos": {"root": 3}}, "videos.root: found 3, expected a valid string"),
    ],
)
def test_each_mistake_gives_one_clear_line(raw, expected):
    with pytest.raises(LamoError) as caught:
        load_config(raw)
    assert str(caught.value).startswith(f"config: {expected}")
    assert "\n" not in str(caught.value)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(LamoError, match=r"world\.fps: found 'a'.*; unknown key sed ") as caught:
        load_config({"world": {"fps": "a"}, "sed": 1})
    assert str(caught.value).count("config:") == 1


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"rollouts": {"horizons_s": [0.25]}}, "rollouts.horizons_s contains 0.25 s, which is 1.25 steps"),
        ({"metrics": {"horizons_s": [0.3]}}, "metrics.horizons_s: found 0.3 s, expected multiples of 0.2 s"),
        ({"metrics": {"horizons_s": [2.0]}}, "up to 1.6 s (the longest of rollouts.horizons_s)"),
        (
            {"world": {"seconds": 2.0}},
            "world.seconds: found 2 s, which is 10 frames; expected at least frames.min_frames",
        ),
        (
            {"predictors": {"history": 6}},
            "frames.min_frames: found 12, expected at least 15, which predictors.history (or the longest "
            "of an entry) and the longest of rollouts.horizons_s need; set it to 15",
        ),
        ({"midway": {"training": {"unroll": [1, 20]}}}, "at least 21, which midway.training.unroll"),
        ({"frames": {"height": 30}}, "frames.height: found 30, expected a multiple of midway.encoder.patch"),
        ({"midway": {"encoder": {"levels": [0, 9]}}}, "midway.encoder.levels: found [0, 9]"),
        ({"midway": {"forward": {"heads": 5}}}, "midway.forward.heads: found 5, expected a divisor of"),
        ({"midway": {"form": "published", "forward": {"lateral_heads": 5}}}, "midway.forward.lateral_heads: found 5"),
        ({"latents": {"levels": [7]}}, "latents.levels: found [7], expected numbers of pyramid levels, 0 to"),
        (
            {"predictors": {"history": 0, "entries": {"flow": {"guess": "none"}, "gmm": None}}},
            "predictors.history: found 0, expected at least 1",
        ),
        ({"decoder": {"width": 50}}, "decoder.width: found 50, expected a multiple of 4"),
        (
            {"metrics": {"fvd": {"weights": "i3d.pt"}, "horizons_s": [0.2, 0.8]}},
            "metrics.fvd.weights: found clips of 8 frames (4 observed and 4 up to the last of metrics.horizons_s), "
            "expected at least 9; score a longer horizon, give predictors.history more frames, or set",
        ),
    ],
)
def test_sections_that_contradict_each_other_are_named(raw, expected):
    with pytest.raises(LamoError) as caught:
        load_config(raw)
    assert expected in str(caught.value)


@pytest.mark.parametrize("name", ["bench", "bench-gpu", "bench-dashcam"])
def test_configurations_of_the_benchmark_are_valid(name):
    config = load_config(from_file(f"{name}.yaml"))
    assert len(config.predictors.seeds) == 3
    assert config.rollouts.samples == 8


def test_values_as_the_command_line_hands_them_over():
    config = load_config(
        {"videos": {"root": "null"}, "world": {"fps": "24"}, "midway": {"training": {"both_directions": "true"}}}
    )
    assert config.videos.root is None
    assert config.world.fps == 24
    assert config.midway.training.both_directions is True


def test_lists_are_read_from_yaml():
    raw = copy.deepcopy(from_file("config.yaml"))
    raw["rollouts"]["horizons_s"] = [0.2, 0.4]
    raw["metrics"]["horizons_s"] = [0.4]
    assert load_config(raw).rollouts.horizons_s == (0.2, 0.4)


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_constraints_are_exact_and_name_no_place():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line and not line.startswith("#")]
    assert all("==" in line for line in entries)
    assert not [line for line in entries if any(mark in line for mark in ("://", "+", "@", "--", "nvidia", "cuda"))]


def test_constraints_cover_what_the_project_needs():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    names = {name.lower().replace("_", "-") for name in pinned()}
    assert not [name for name in needed if name.split(">=")[0].lower() not in names]


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.name)
def test_environments_agree_with_the_constraints(path):
    dependencies = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    packages = dict(entry.split("==") for entry in dependencies[-1]["pip"])
    assert packages
    assert packages == {name: pinned()[name] for name in packages}


def test_reading_the_configuration_needs_no_workflow():
    code = "import lamo.config, sys; sys.exit('snakemake' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def nested(path: list[str], value: object) -> dict:
    return {path[0]: nested(path[1:], value) if len(path) > 1 else value}


@pytest.mark.parametrize("key", sorted(MOVED))
def test_a_key_of_an_earlier_version_is_refused_with_what_became_of_it(key):
    path = key.replace("*", "gmm").split(".")
    with pytest.raises(LamoError, match=re.escape(f"unknown key {'.'.join(path)}; {MOVED[key]}")):
        load_config(nested(path, 1))


@pytest.mark.parametrize(("key", "near"), [("midway.forward.tokenz", "known keys"), ("decoder.step", "known keys")])
def test_a_key_that_no_version_had_is_refused_with_known_ones(key, near):
    with pytest.raises(LamoError, match=rf"unknown key {key} \(found 1\); .*{near}"):
        load_config(nested(key.split("."), 1))
