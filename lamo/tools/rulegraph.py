"""`lamo docs rulegraph`: the rules of the demo as a picture, docs/images/rulegraph.svg.

Snakemake can draw its rules itself, but shows every dependency and colours rules at random. Here rules are grouped by
stage. A dependency that a longer path implies is left out, and so is the rule `all`.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.stores.atomic import replacing

PICTURE = ROOT / "docs" / "images" / "rulegraph.svg"
COLOURS = ("#fdf3d0", "#dcebfa", "#e2f3df", "#fbe3d6", "#ece3f7", "#d9f1f1", "#f8dfe8", "#e8e8e8")
Edges = set[tuple[str, str]]


def workflow_graph() -> tuple[set[str], Edges]:
    """The rules of the demo and the dependencies between them, without `all`, as Snakemake plans an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", folder]
        command += ["--configfile", str(ROOT / "config" / "config.yaml"), "--rulegraph", "dot"]
        done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    if done.returncode:
        raise LamoError(f"Snakefile: snakemake drew no rule graph; it said: {' '.join(done.stderr.split())}")
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)', done.stdout, flags=re.MULTILINE))
    edges = re.findall(r"^\s*(\d+) -> (\d+)$", done.stdout, flags=re.MULTILINE)
    return set(names.values()) - {"all"}, {(names[a], names[b]) for a, b in edges if names[b] != "all"}


def stages() -> dict[str, list[str]]:
    """The rules of each stage by its name, `01_frames`, `02_midway` ..., in the order of its rule files."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "workflow" / "rules").glob("0*.smk")):
        rules = re.findall(r"^ *rule (\w+):", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        # A second file of a stage has a longer name: 01_frames.smk, 01_frames_beside.smk.
        stage = next((name for name in found if path.stem.startswith(f"{name}_")), path.stem)
        found.setdefault(stage, []).extend(rules)
    return found


def reduced(edges: Edges) -> Edges:
    """The edges that no longer path implies: the transitive reduction of a graph without circles."""
    following: dict[str, set[str]] = {}
    for source, target in edges:
        following.setdefault(source, set()).add(target)

    def reach(name: str) -> set[str]:
        return {name}.union(*(reach(after) for after in following.get(name, ())))

    return {(a, b) for a, b in edges if not any(b in reach(after) for after in following[a] - {b})}


def drawing(names: set[str], edges: Edges) -> str:
    """The graph in the language of Graphviz, with a box for each stage. The same workflow gives the same text."""
    lines = [
        "digraph rules {",
        "  graph [rankdir=LR, bgcolor=white, margin=0.1, nodesep=0.12, ranksep=0.25];",
        '  graph [fontname="Helvetica,sans-serif", fontsize=15];',
        '  node [shape=box, style="rounded,filled", fillcolor=white, color="#666666", margin="0.07,0.05"];',
        '  node [fontname="Helvetica,sans-serif", fontsize=15];',
        '  edge [color="#777777", arrowsize=0.7];',
    ]
    for (stage, rules), colour in zip(stages().items(), COLOURS, strict=True):
        title = stage.replace("_", " ")
        lines.append(f'  subgraph "cluster_{stage}" {{ label="{title}"; labeljust=l; style=filled; color="{colour}";')
        # Names on two lines keep the picture narrow enough to be read at the width of the README.
        labels = {name: name.replace("_", "_\\n", 1) for name in rules if name in names}
        lines += [f'    {name} [label="{label}"];' for name, label in labels.items()]
        lines.append("  }")
    lines += [f"  {source} -> {target};" for source, target in sorted(edges)]
    return "\n".join([*lines, "}", ""])


def draw(path: Path) -> None:
    """Draw the rules into the SVG file `path`.

    Raises:
        LamoError: Graphviz is missing, or it or Snakemake fails.
    """
    if not shutil.which("dot"):
        raise LamoError("dot: not found, expected Graphviz' program on PATH; install it (Debian: apt install graphviz)")
    names, edges = workflow_graph()
    done = subprocess.run(
        ["dot", "-Tsvg"], input=drawing(names, reduced(edges)), text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise LamoError(f"{path}: dot drew nothing; it said: {' '.join(done.stderr.split())}")
    with replacing(path) as temporary:
        temporary.write_text(done.stdout, encoding="utf-8")


def write() -> None:
    """Draw the picture of the README again; `LamoError` where that fails."""
    draw(PICTURE)
