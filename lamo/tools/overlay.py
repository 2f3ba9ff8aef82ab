"""The configuration of a run, read from its files: the default, the files over it, single values over both.

Snakemake lays its configuration together in the same way. Sections are merged key by key, at any depth; everything
else, lists included, is replaced as a whole.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from lamo.config import Config, load_config
from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.section import lay_over
from lamo.tools.config_text import check_entries, check_text

DEFAULT = ROOT / "config" / "config.yaml"


def read_config(files: Sequence[str | Path] = (), overrides: Mapping[str, Any] | None = None) -> Config:
    """The checked configuration that `snakemake --configfile files --config overrides` would use.

    Raises:
        LamoError: a file is missing or cannot be read, or the configuration is wrong.
    """
    return load_config(read_raw(files, overrides))


def read_raw(files: Sequence[str | Path] = (), overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """As `read_config`, before it is checked.

    Raises:
        LamoError: a file is missing or cannot be read.
    """
    above: dict[str, Any] = {}
    # The files are merged with each other first, and the result with the default: the order that Snakemake has.
    for part in (*map(read_yaml, files), overrides or {}):
        above = lay_over(above, part)
    return dict(lay_over(read_yaml(DEFAULT), above))


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Keys and values of a YAML file; an empty file has none.

    Raises:
        LamoError: the file is missing, is no YAML (with the line), holds something else than keys and values, or what
            `check_text` refuses.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        content = yaml.safe_load(text)
    except FileNotFoundError:
        raise LamoError(f"{path}: not found, expected a configuration such as config/bdd100k.yaml") from None
    except yaml.YAMLError as error:
        raise LamoError(f"{path}{_line(error)}: cannot be read as YAML ({_problem(error)}); correct the file") from None
    except (OSError, ValueError) as error:
        raise LamoError(f"{path}: cannot be read ({error}); expected a YAML file in UTF-8") from None
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise LamoError(f"{path}: found {type(content).__name__}, expected keys and values; correct the file")
    check_text(text, str(path))
    return dict(content)


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark else ""


def _problem(error: yaml.YAMLError) -> str:
    """What is wrong, without the place, which PyYAML would say on lines of their own."""
    return getattr(error, "problem", None) or " ".join(str(error).split())


def parse_overrides(entries: Iterable[str]) -> dict[str, Any]:
    """KEY=VALUE entries as Snakemake's `--config` reads them: a section is written `frames={rate_hz: 10}`.

    Raises:
        LamoError: an entry has no key, or its value cannot be read.
    """
    overrides: dict[str, Any] = {}
    entries = list(entries)
    check_entries(entries)
    for entry in entries:
        key, equals, text = entry.partition("=")
        if not equals or not key.isidentifier():
            raise LamoError(f"{entry}: expected KEY=VALUE, such as run=mine or 'videos={{root: path/to/videos}}'")
        overrides = lay_over(overrides, {key: _value(entry, text)})
    return overrides


def _value(entry: str, text: str) -> Any:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    if text in ("True", "False"):
        return text == "True"
    try:
        # Inside a section every value stays text, as in Snakemake; `load_config` reads numbers where it expects them.
        return yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise LamoError(f"{entry}: the value cannot be read as YAML ({_problem(error)}); correct it") from None
