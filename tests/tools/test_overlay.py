"""The configuration is laid together as Snakemake does it, and files that cannot be read are named."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snakemake.cli import parse_config
from snakemake.utils import update_config

from lamo.config import Config
from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.section import lay_over
from lamo.tools.overlay import parse_overrides, read_config, read_yaml

KEYS = st.sampled_from("ab")
VALUES = st.none() | st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2)
# Sections of sections of sections.
SECTIONS = VALUES
for _ in range(3):
    SECTIONS = st.dictionaries(KEYS, VALUES | SECTIONS, max_size=2)


@given(SECTIONS, SECTIONS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_sections_are_merged_as_in_snakemake(below, above):
    expected = copy.deepcopy(below)
    update_config(expected, copy.deepcopy(above))
    before = copy.deepcopy((below, above))
    assert lay_over(below, above) == expected
    assert (below, above) == before


@pytest.mark.parametrize(
    "entry",
    [
        "run=mine",
        "seed=3",
        "seed=1e-3",
        "flag=True",
        "videos={root: a/b, split: null}",
        "list=[1, x]",
        "run=",
        "empty=[]",
    ],
)
def test_entries_are_read_as_in_snakemake(entry):
    assert parse_overrides([entry]) == parse_config([entry])


def test_entries_of_one_section_are_merged():
    given = parse_overrides(["frames={height: 32}", "frames={width: 64}"])
    assert given == {"frames": {"height": "32", "width": "64"}}
    config = read_config(overrides=given)
    assert (config.frames.height, config.frames.width) == (32, 64)


@pytest.mark.parametrize("entry", ["run", "=3", "a b=3", "videos={root: x"])
def test_an_entry_that_cannot_be_read_is_refused(entry):
    with pytest.raises(LamoError, match=r"KEY=VALUE|cannot be read as YAML"):
        parse_overrides([entry])


def test_files_lie_over_the_default_and_values_over_the_files(tmp_path):
    (tmp_path / "a.yaml").write_text("run: a\nframes: {height: 48}\n")
    (tmp_path / "b.yaml").write_text("run: b\n")
    config = read_config([tmp_path / "a.yaml", tmp_path / "b.yaml"], {"videos": {"root": "x"}})
    assert (config.run, config.frames.height, config.videos.root) == ("b", 48, "x")
    assert config.frames.width == Config().frames.width
    assert read_config() == Config()


# Files that are laid over another one.
BELOW = {
    "bench-long": ["bench"],
    "bench-torcs": ["bench"],
    "compact-forks": ["compact"],
    "compact-noise": ["compact", "compact-forks"],
}


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_of_the_repository_is_valid(path):
    below = [path.with_stem(name) for name in BELOW.get(path.stem, [])]
    assert read_config([*below, path]).run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: [1\n", r"a\.yaml, line 3: cannot be read as YAML \(.*\); correct the file"),
        ("a: 1\n\tb: 2\n", r"a\.yaml, line 2: cannot be read as YAML"),
        ("- 1\n", r"a\.yaml: found list, expected keys and values"),
    ],
)
def test_a_file_that_is_no_configuration_is_named_with_its_line(text, expected, tmp_path):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(LamoError, match=expected):
        read_yaml(tmp_path / "a.yaml")


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(LamoError, match=r"missing\.yaml: not found, expected a configuration"):
        read_yaml(tmp_path / "missing.yaml")
    with pytest.raises(LamoError, match="cannot be read"):
        read_yaml(tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(LamoError, match=r"bytes\.yaml: cannot be read .* expected a YAML file in UTF-8"):
        read_yaml(tmp_path / "bytes.yaml")
    (tmp_path / "empty.yaml").write_text("")
    assert read_yaml(tmp_path / "empty.yaml") == {}
