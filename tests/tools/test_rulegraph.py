"""The picture of the rules in the README is that of the workflow as it is; read without Graphviz."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from lamo.errors import LamoError
from lamo.tools import rulegraph


def drawn() -> tuple[set[str], set[tuple[str, str]]]:
    """Rules and edges of the committed picture, by the titles that Graphviz gives them."""
    titles = {"node": set(), "edge": set()}
    for group in ElementTree.parse(rulegraph.PICTURE).iter("{http://www.w3.org/2000/svg}g"):
        if group.get("class") in titles:
            titles[group.get("class")].add(group.findtext("{http://www.w3.org/2000/svg}title"))
    return titles["node"], {tuple(title.split("->")) for title in titles["edge"]}


@pytest.fixture(scope="module")
def graph() -> tuple[set[str], set[tuple[str, str]]]:
    return rulegraph.workflow_graph()


def test_picture_shows_the_workflow_as_it_is(graph):
    names, edges = graph
    assert drawn() == (names, rulegraph.reduced(edges)), "run `make rulegraph`"


def test_every_rule_stands_in_the_box_of_its_stage(graph):
    names, edges = graph
    boxes = re.findall(r'subgraph "cluster_(\w+)".*?\n  }', rulegraph.drawing(names, edges), flags=re.DOTALL)
    assert boxes == list(rulegraph.stages())
    assert names <= {name for rules in rulegraph.stages().values() for name in rules}


def test_only_edges_that_a_longer_way_implies_are_left_out():
    edges = {("a", "b"), ("b", "c"), ("a", "c"), ("a", "d"), ("d", "c"), ("c", "e"), ("a", "e")}
    assert rulegraph.reduced(edges) == edges - {("a", "c"), ("a", "e")}


def test_without_graphviz_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LamoError, match=r"^dot: not found, expected .* install it"):
        rulegraph.draw(tmp_path / "rulegraph.svg")
    assert not (tmp_path / "rulegraph.svg").exists()
