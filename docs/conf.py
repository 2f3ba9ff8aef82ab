"""The documentation site: `make docs` builds it into build/docs.

The source folder is the repository and not docs/ alone. So README.md, CONTRIBUTING.md, config/README.md and pages of
results/ are pages of the site too, and a link between two Markdown files works here as it does in the repository.
"""

import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PUBLISHED = ("bench", "bench-dashcam", "bench-gpu", "bench-gpu-long", "bench-long", "bench-torcs", "weights")

project = "LaMo"
author = "The LaMo developers"
copyright = "The LaMo developers, Apache-2.0"  # noqa: A001  # Sphinx's name for it
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

root_doc = "docs/index"
include_patterns = [
    "*.md",
    "config/README.md",
    "docs/*.md",
    "docs/examples/*.ipynb",
    "results/README.md",
    *(f"results/{name}/**README.md" for name in PUBLISHED),
    "results/bench/*.md",  # tables that documents link to
    "results/weights/roads/scores/table_groups.md",
]
# Sphinx walks through whatever is not excluded. Folders of runs can hold many files, and .venv is no place to look.
exclude_patterns = [
    ".*",
    "build",
    *(f"results/{path.name}" for path in (ROOT / "results").iterdir() if path.is_dir() and path.name not in PUBLISHED),
]

# It shows the outputs that it was committed with; tests/test_examples.py executes it and compares them.
nb_execution_mode = "off"
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "model_config"}  # of pydantic
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
default_role = "literal"  # a single backtick is code, in docstrings as in Markdown
highlight_language = "text"  # of code blocks that name none: commands and listings

html_theme = "furo"
html_title = "LaMo"
html_extra_path = ["_site/index.html"]  # the root document lies in docs/
html_copy_source = False
html_use_index = False


def with_heading(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give a heading to a table of results, which is a page without one; pages about a run link to it."""
    path = Path(docname)
    if path.parts[0] == "results" and path.name != "README":
        run = path.parent.name if path.parent.name != "scores" else path.parent.parent.name
        source[0] = f"---\norphan: true\n---\n\n# {run}: {path.name}\n\n{source[0]}"


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", with_heading)
