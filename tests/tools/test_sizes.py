"""docs/predictors.md says what the code and the configuration are."""

import re
from collections.abc import Mapping
from pathlib import Path

from lamo.config import Config
from lamo.tools import sizes

ROOT = Path(__file__).resolve().parents[2]
TEXT = sizes.DOCUMENT.read_text(encoding="utf-8")


def test_sizes_are_up_to_date():
    written = TEXT.partition("<!-- sizes: begin -->\n")[2].partition("\n<!-- sizes: end -->")[0]
    assert written == sizes.table(), "run `make sizes`"


def test_every_key_exists():
    keys = set(re.findall(r"`((?:predictors|rollouts)\.[a-z_.]+)`", TEXT))
    assert len(keys) > 15
    for key in keys:
        section = Config()
        for part in key.split("."):
            # The entries of predictors are a mapping by name.
            section = section[part] if isinstance(section, Mapping) else getattr(section, part)


def test_every_file_exists():
    files = set(re.findall(r"`((?:lamo|config)/[a-z0-9_/]+\.(?:py|yaml))`", TEXT))
    assert {"lamo/predictors/backbone.py", "config/bdd100k.yaml"} < files
    assert [file for file in files if not (ROOT / file).is_file()] == []
