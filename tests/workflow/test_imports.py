"""The graph of imports has no circle, of modules or of packages, and no arrow from a package to one above it."""

import ast
from functools import cache
from pathlib import Path

import pytest

from lamo.jobs.code_hash import imported_modules
from lamo.jobs.python_source import read_source

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = (("lamo", ROOT),)
FLOORS = [
    {"earlier_keys", "errors", "lazy", "progress", "section"},
    {"drawing", "images", "nn", "statistics", "stores"},
    {"jobs", "stages", "training", "video", "world"},
    {"dataset", "decoder", "midway"},
    {"predictors"},
    {"rollout"},
    {"metrics"},
    {"probing"},
    {"report"},
    {"model"},
    {"config"},
    {"tools", "cli"},
    {"__main__"},
]
"""The packages (and modules outside of one), from the ground up. Those of one floor may import each other."""
FLOOR = {package: number for number, packages in enumerate(FLOORS) for package in packages}
PATHS = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in (ROOT / "lamo").rglob("*.py")}
PACKAGES = {name.removesuffix(".__init__") for name in PATHS if name.endswith(".__init__")}
# A package's own file offers names of its modules, and so depends on them by design (tests/test_public_names.py).
MODULES = {name: path for name, path in PATHS.items() if path.name != "__init__.py"}


def package_of(module: str) -> str:
    return module.split(".")[1]


@cache
def imported(module: str) -> frozenset[str]:
    """Modules that a module imports anywhere in its code, or names in a text as `import_module` takes it."""
    code = MODULES[module].read_text(encoding="utf-8")
    texts = {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}
    found = {*imported_modules(read_source(code), module.rpartition(".")[0], PACKAGE), *(texts & set(MODULES))}
    return frozenset(found & set(MODULES) - {module})


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """The names that stand in circles, or between two of them; empty if there is none."""
    left = dict(arrows)
    while ends := [name for name, to in left.items() if not to & set(left)]:
        for name in ends:
            del left[name]
    # From both sides: what only leads to a circle is taken away too.
    while starts := [name for name in left if not any(name in to for to in left.values())]:
        for name in starts:
            del left[name]
    return sorted(left)


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle({"start": {"a"}, "a": {"b"}, "b": {"a", "end"}, "end": set()}) == ["a", "b"]


def test_every_package_has_its_floor():
    assert {package_of(module) for module in MODULES} <= set(FLOOR)


def test_no_module_imports_itself_through_others():
    assert circle({module: set(imported(module)) for module in MODULES}) == []


def test_no_package_imports_itself_through_others():
    arrows: dict[str, set[str]] = {}
    for module in MODULES:
        below = {package_of(other) for other in imported(module)}
        arrows.setdefault(package_of(module), set()).update(below - {package_of(module)})
    assert circle(arrows) == []


@pytest.mark.parametrize("package", sorted({package_of(module) for module in MODULES}))
def test_imports_between_packages_point_downwards(package):
    for module in MODULES:
        if package_of(module) == package:
            upwards = {other for other in imported(module) if FLOOR[package_of(other)] > FLOOR[package]}
            assert not upwards, f"{module} imports from above it"


def test_only_programs_for_people_import_the_joined_config():
    importing = {module for module in MODULES if "lamo.config" in imported(module)}
    assert {package_of(module) for module in importing} <= {"tools", "cli"}


def test_modules_import_from_where_a_name_is_defined():
    """Short names are for users: through them it would be hard to see what a module depends on."""
    for name, path in PATHS.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in PACKAGES:
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                assert names <= MODULES.keys() | PACKAGES, f"{name} imports a short name from {node.module}"
