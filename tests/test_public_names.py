"""The short public names: they are there, type checkers know them, and nothing is imported before one is asked for."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = sorted(path.parent for path in (ROOT / "lamo").rglob("__init__.py") if "LAZY" in path.read_text())
HEAVY = ("torch", "numpy", "pandas", "zarr", "pydantic", "matplotlib", "av")


def name_of(package: Path) -> str:
    return ".".join(package.relative_to(ROOT).parts)


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_every_name_is_that_of_its_module(package):
    offering = import_module(name_of(package))
    for name, module in offering.LAZY.items():
        value = getattr(offering, name)
        assert value is getattr(import_module(module), name)
        assert getattr(value, "__module__", module) == module, f"{name} is defined elsewhere"


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_type_checkers_are_told_the_same(package):
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    (choice,) = [node for node in tree.body if isinstance(node, ast.If)]
    told = {alias.asname: node.module for node in choice.body for alias in node.names if alias.name == alias.asname}
    assert told == import_module(name_of(package)).LAZY


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_no_name_is_that_of_a_module(package):
    """An imported module becomes an attribute of its package, which would hide the lazy name."""
    assert not {path.stem for path in package.iterdir()} & set(import_module(name_of(package)).LAZY)


def test_a_name_that_is_not_offered_is_refused():
    with pytest.raises(AttributeError, match=r"module 'lamo' has no attribute 'Nothing'; it offers .*Midway"):
        import_module("lamo").Nothing  # noqa: B018  # the attribute's error is the test
    with pytest.raises(ImportError, match="Nothing"):
        from lamo.midway import Nothing  # noqa: F401


def test_packages_import_nothing_heavy():
    names = ", ".join(name_of(path.parent) for path in sorted((ROOT / "lamo").rglob("__init__.py")))
    code = f"import sys, {names}\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == "[]"
