"""Where kinds of predictors are found: in this repository, by an import path, or offered by an installed package."""

import pytest

from lamo.errors import LamoError
from lamo.predictors.kinds import built_in_kinds, find_kind, kind_module, known_kinds

MODULE = '''"""A kind that is the flow of this repository under another name."""

from dataclasses import replace

from lamo.predictors.flow.kind import KIND as FLOW

KIND = replace(FLOW, name="offered")
'''


def test_kinds_of_the_repository_are_its_folders():
    assert {"flow", "gmm", "state"} <= set(built_in_kinds())
    for name in built_in_kinds():
        assert find_kind(name).name == name
        assert kind_module(name) == f"lamo.predictors.{name}.kind"
        assert find_kind(name) is find_kind(f"lamo.predictors.{name}.kind:KIND")


def test_an_installed_package_offers_a_kind_by_an_entry_point(tmp_path, monkeypatch):
    (tmp_path / "offering_heads.py").write_text(MODULE)
    facts = tmp_path / "offering_heads-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: offering-heads\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[lamo.predictors]\noffered = offering_heads:KIND\n")
    with pytest.raises(LamoError, match=r"found 'offered', expected one of flow, .*or an import path"):
        find_kind("offered")
    monkeypatch.syspath_prepend(tmp_path)
    assert "offered" in known_kinds()
    assert kind_module("offered") == "offering_heads"
    assert find_kind("offered").name == "offered"


def test_samplers_are_labelled_as_rows_of_their_entry():
    assert find_kind("flow").parse("20-heun", "mine").label == "mine-20-heun"
    assert find_kind("gmm").parse("sample", "mine").label == "mine"
    assert find_kind("gmm").parse("mean").label == "mean"
    evaluations = [find_kind(kind).parse(name).evaluations for kind, name in
                   (("gmm", "linear"), ("state", "guess"), ("gmm", "sample"), ("flow", "3-heun"))]  # fmt: skip
    assert evaluations == [0, 0, 1, 6]
    chanceless = [name for name in ("sample", "mean", "guess", "linear") if find_kind("gmm").parse(name).deterministic]
    assert chanceless == ["mean", "guess"]
