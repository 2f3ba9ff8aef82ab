"""What gets lost while a configuration is read is said: keys given twice, empty sections, words that YAML changes."""

import json
import os

import pytest
import yaml

from lamo.config import load_config
from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.tools.config_text import check_entries, check_files, check_options, check_text
from lamo.tools.overlay import parse_overrides, read_config, read_yaml


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("frames: {height: 16}\nseed: 1\nframes: {width: 32}\n", "mine.yaml, lines 1 and 3: found frames twice"),
        ("frames:\n  height: 16\n  width: 32\n\n  height: 24\n", "lines 2 and 5: found frames.height twice"),
        ("frames: {height: 16, height: 24}\n", "mine.yaml, line 1: found frames.height twice"),
        ("a:\n- b: 1\n  c: 2\n  b: 3\n", "lines 2 and 4: found a.0.b twice"),
        ('seed: 1\n"seed": 2\n', "lines 1 and 2: found seed twice"),
        ("frames: {height: 16}\n'frames': {height: 24}\n", "lines 1 and 2: found frames twice"),
        ("a: 1\na: 1\n", "lines 1 and 2: found a twice"),
        ("midway: {training: {steps: 3,\n steps: 4}}\n", "lines 1 and 2: found midway.training.steps twice"),
        ('{\n\t"seed": 1,\n\t"frames": {"height": 16,\n\t"height": 24}\n}', "lines 3 and 4: found frames.height twice"),
        ('{"seed":1,"seed":2}', "line 1: found seed twice"),
        ("base: &base {a: 1, a: 2}\nother: *base\n", "line 1: found base.a twice"),
    ],
)
def test_a_key_given_twice_is_refused_with_its_lines(text, found):
    with pytest.raises(LamoError, match="expected every key once") as caught:
        check_text(text, "mine.yaml")
    assert found in str(caught.value)
    assert str(caught.value).count("twice") == 1


@pytest.mark.parametrize(
    "text",
    [
        "base: &base {height: 16, width: 32}\nframes:\n  <<: *base\n  height: 24\n",
        "a: &a {x: 1}\nb: &b {y: 2}\nc: {<<: [*a, *b], x: 3}\n",
        "a: &a {x: 1}\nb: *a\nc: *a\n",
        "frames: {height: 16}\nworld: {height: 16}\n",
        "- seed: 1\n- seed: 2\n",
        "\ufeffseed: 1\n",
        "seed: 08\nrate: 1e-3\nhex: 0x10\nnumber: 1_000\nzero: 0\nflag: yes\nlearning_rate: .5\n",
        "run: '2024-01-01'\nother: \"010\"\ntime: '1:30'\nempty: \"\"\n",
        "metrics: {comparisons: []}\nmidway: {checkpoint: null}\nother: ~\n",
        "&a a: *a\n",
        "",
        "{}",
        "a: [b\n",
        '{"a": "\\u00e4 \\/ \\ud83d\\ude00", "b": 1e-3, "c": "x\\ty"}',
    ],
)
def test_what_means_what_it_seems_to_passes(text):
    check_text(text, "mine.yaml")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("seed: 010\n", "mine.yaml, line 1: seed: found 010, which YAML reads as 8; write that number"),
        ("a:\n  b: [1, 0777]\n", "line 2: a.b.1: found 0777, which YAML reads as 511"),
        ("frames: {max_gap_s: 1:30}\n", "frames.max_gap_s: found 1:30, which YAML reads as 90"),
        ("a: -0_17\n", "a: found -0_17, which YAML reads as -15"),
        ("a: 1:30.5\n", "a: found 1:30.5, which YAML reads as 90.5"),
        ("run: 2024-01-01\n", "run: found 2024-01-01, which YAML reads as a date; put it in quotes"),
        ("run: 2024-13-45\n", "which YAML reads as a date"),
        ("videos:\n  root:\n  split: by_time\n", "line 2: videos.root has no value; give it one, write null for none"),
        ("videos:\n", "line 1: videos has no value"),
        ("predictors: {entries: {}}\n", "line 1: predictors.entries is empty, which changes nothing"),
        ("seed: 1\nframes: {}\n", "line 2: frames is empty"),
        ('{"predictors": {"entries": {}}}', "predictors.entries is empty"),
        ("predictors: {entries: {on: {kind: flow}}}\n", "found on as a key, which YAML does not read as a text"),
        ("1: 2\n", "found 1 as a key"),
        ("[a, b]: 2\n", "found a list or section as a key"),
    ],
)
def test_what_does_not_mean_what_it_seems_to_is_refused(text, found):
    with pytest.raises(LamoError) as caught:
        check_text(text, "mine.yaml")
    assert found in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(LamoError, match=r"lines 1 and 2: found seed twice.*; mine\.yaml, line 3: run: found 010"):
        check_text("seed: 1\nseed: 2\nrun: 010\n", "mine.yaml")


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("frames={height: 16, height: 24}", "--config: found frames.height twice"),
        ("videos={root: x, split: by_time, root: y}", "--config: found videos.root twice"),
        ("predictors={entries: {}}", "--config: predictors.entries is empty"),
    ],
)
def test_entries_of_the_command_line_are_looked_at_too(entry, found):
    for check in (check_entries, parse_overrides):
        with pytest.raises(LamoError) as caught:
            check(["seed=1", entry])
        assert str(caught.value).startswith(found)


def test_values_of_the_command_line_are_texts():
    check_entries(
        ["seed=010", "frames={max_gap_s: 010, rate_hz: 1:30}", "run=2024-01-01", "a={on: 1, 1: 2}", "b=", "c"]
    )
    assert parse_overrides(["frames={rate_hz: 010}"]) == {"frames": {"rate_hz": "010"}}


def test_every_file_is_looked_at_and_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text("seed: 1\n")
    (tmp_path / "bad.json").write_text(json.dumps({"a": 1})[:-1] + ', "a": 2}')
    check_files([tmp_path / "good.yaml", tmp_path / "missing.yaml", tmp_path])
    with pytest.raises(LamoError, match=r"^bad\.json, line 1: found a twice"):
        check_files([tmp_path / "good.yaml", tmp_path / "bad.json"])
    with pytest.raises(LamoError, match=r"bad\.json, line 1: found a twice"):
        read_yaml(tmp_path / "bad.json")


def test_files_with_a_byte_order_mark_are_read(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfseed: 3\n")
    check_files([tmp_path / "a.yaml"])
    assert read_config([tmp_path / "a.yaml"]).seed == 3


@pytest.mark.parametrize("path", sorted((ROOT / "config").rglob("*.yaml")), ids=lambda path: path.stem)
def test_the_configurations_of_the_repository_pass(path):
    check_files([path])
    assert yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config", "a=1", "--config", "b=2"],
        ["--config=a=1", "-C", "b=2"],
        ["--configfile", "a.yaml", "--cores", "1", "--configfiles", "b.yaml"],
    ],
)
def test_an_option_given_twice_is_refused(arguments):
    with pytest.raises(LamoError, match="found 2 times, of which Snakemake takes the last alone"):
        check_options(["/usr/bin/snakemake", *arguments])
    with pytest.raises(LamoError):
        check_options(["/usr/lib/python3/snakemake/__main__.py", *arguments])
    check_options(["pytest", *arguments])


def test_an_option_given_once_passes():
    check_options(["snakemake", "--config", "a=1", "b=--config", "--configfile", "a", "b", "--cores", "1"])


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            {"videos": {"root": ""}},
            "videos.root: found ''; expected no empty text; give it a value, or leave the key out",
        ),
        ({"videos": {"root": "  "}}, "videos.root: found '  '"),
        ({"run": ""}, "run: found ''; expected no empty text"),
        ({"midway": {"checkpoint": ""}}, "midway.checkpoint: found ''"),
        ({"metrics": {"fid": {"weights": ""}}}, "metrics.fid.weights: found ''"),
        ({"videos": {"extensions": [".mp4", ""]}}, "videos.extensions: found ['.mp4', '']"),
        ({"predictors": {"entries": {"mine": {"kind": "", "samplers": ["5"]}}}}, "predictors.entries.mine"),
        ({"metrics": {"sheet": {"rows": [""]}}}, "metrics.sheet.rows: found ['']"),
        (
            {"seed": True},
            "seed: found True; expected no true or false, which YAML reads yes, no, on and off as; put a text",
        ),
        ({"run": False}, "run: found False"),
        ({"frames": {"rate_hz": True}}, "frames.rate_hz: found True"),
        ({"predictors": {"seeds": [0, True]}}, "predictors.seeds: found [0, True]"),
        ({"frames": {"max_gap_s": float("nan")}}, "frames.max_gap_s: found nan, expected a finite number"),
        ({"videos": {"guard_s": float("inf")}}, "videos.guard_s: found inf, expected a finite number"),
        ({"rollouts": {"horizons_s": [float("inf")]}}, "rollouts.horizons_s.0: found inf, expected a finite number"),
        ({"videos": {"guard_s": "nan"}}, "videos.guard_s: found 'nan'"),
        ({"run": 2024}, "run: found 2024, expected a valid string; put it in quotes, on the command line in two kinds"),
        (
            {"videos": None},
            "videos: found None, expected a valid dictionary or instance of VideosConfig; give it a value",
        ),
        ({"predictors": {"entries": None}}, "predictors.entries: found None"),
    ],
)
def test_values_that_seem_to_be_set_are_refused(raw, expected):
    with pytest.raises(LamoError) as caught:
        load_config(raw)
    assert str(caught.value).startswith(f"config: {expected}")
    assert "\n" not in str(caught.value)


def test_numbers_and_truth_values_are_read_as_they_are_meant():
    raw = {
        "seed": "010",
        "decoder": {"training": {"learning_rate": "1e-3"}},
        "midway": {"training": {"both_directions": False}},
        "videos": {"root": "~"},
    }
    config = load_config(raw)
    assert (config.seed, config.decoder.training.learning_rate) == (10, 1e-3)
    assert (config.midway.training.both_directions, config.videos.root) == (False, None)


def test_bytes_that_are_no_text_are_refused_on_the_command_line():
    entry = os.fsdecode(b"videos={root: /data/\xff}")
    with pytest.raises(LamoError, match=r"found bytes that are no UTF-8 .* make a link that leads to it") as caught:
        check_entries([entry])
    assert str(caught.value).isascii()
