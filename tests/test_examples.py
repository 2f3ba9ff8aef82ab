"""Examples work: in docstrings, in the documents, and in the notebook, which shows what it computes."""

import doctest
import re
from importlib import import_module
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import lamo
from lamo.model import planning
from lamo.tools.overlay import read_config

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "docs" / "examples" / "futures.ipynb"
MOST_BYTES = 300_000
WITH_EXAMPLES = ("images", "model.planning", "model.rollout", "model.world_model", "world.render")


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings(name):
    failed, tried = doctest.testmod(import_module(f"lamo.{name}"), optionflags=doctest.FAIL_FAST)
    assert (failed, tried > 0) == (0, True)


def test_no_example_is_left_out():
    # In a docstring a line of an example begins with blanks; elsewhere >>> is a string.
    found = [path for path in (ROOT / "lamo").rglob("*.py") if re.search(r"^ +>>> ", path.read_text(), re.MULTILINE)]
    assert {".".join(path.relative_to(ROOT / "lamo").with_suffix("").parts) for path in found} == set(WITH_EXAMPLES)


def python_blocks(page: str) -> str:
    """All Python code of a page, as one program."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize(("page", "result"), [("README.md", "futures"), ("docs/planning.md", "best")])
def test_code_of_the_documents(page, result, monkeypatch):
    """With the numbers of futures of a page, and the model that every checkout has in the place of a run's."""
    load, plan = lamo.load, planning.plan
    monkeypatch.setattr(lamo, "load", lambda path=None: load(device="cpu"))
    few = {"seconds": 0.4, "candidates": 3, "elites": 2}
    monkeypatch.setattr(planning, "plan", lambda *given, **chosen: plan(*given, **{**chosen, **few}))
    frames = np.random.default_rng(0).integers(0, 256, (4, 32, 64, 3), dtype=np.uint8)
    found = {"frames": frames, "frame": frames[-1], "goal": frames[0], "np": np}
    exec(compile(python_blocks(page), page, "exec"), found)
    assert result in found


def printed(cell) -> str:
    """What a cell prints and returns; not its pictures, which depend on fonts, nor warnings about the machine."""
    texts = [out.text for out in cell.outputs if out.output_type == "stream" and out.name == "stdout"]
    texts += [out.data["text/plain"] for out in cell.outputs if out.output_type == "execute_result"]
    return "".join(texts)


def test_the_notebook_shows_what_it_computes():
    shown = nbformat.read(NOTEBOOK, as_version=4)
    ran = nbformat.from_dict(shown)
    NotebookClient(ran, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    for before, after in zip(shown.cells, ran.cells, strict=True):
        if before.cell_type == "code":
            assert printed(before) == printed(after), before.source
            assert [out.output_type for out in before.outputs] == [
                out.output_type for out in after.outputs if out.get("name") != "stderr"
            ]
    assert NOTEBOOK.stat().st_size < MOST_BYTES


def test_the_small_run_of_the_page_on_bdd100k_is_a_valid_one(tmp_path):
    (text,) = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/bdd100k.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "small.yaml").write_text(text)
    assert read_config([ROOT / "config/bdd100k.yaml", tmp_path / "small.yaml"]).run == "bdd-small"
