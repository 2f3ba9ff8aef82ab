"""Code hash: what changes a result changes it, nothing else does; on a small made package and on the real one."""

import shutil
from pathlib import Path

import pytest

from lamo.errors import LamoError
from lamo.jobs import code_hash as hashing
from lamo.jobs.code_hash import code_hash, code_modules, existing_modules, made_of

MODULES = {
    "lamo/__init__.py": "",
    "lamo/jobs/job.py": "PLUMBING = 1\n",
    "lamo/errors.py": "class LamoError(Exception):\n    pass\n",
    "lamo/near/__init__.py": '"""Near."""\n',
    "lamo/near/a.py": "from ..far import b\n\ndef f():\n    return b.g()\n",
    "lamo/near/c.py": "from . import d\n",
    "lamo/near/d.py": "D = 1\n",
    "lamo/far/__init__.py": "",
    "lamo/far/b.py": "def g():\n    from lamo.far.e import E\n    return E\n",
    "lamo/far/e.py": "E = 1\n",
    "lamo/apart.py": "APART = 1\n",
    "lamo/public/__init__.py": """from typing import TYPE_CHECKING

LAZY = {"One": "lamo.public.one", "two": "lamo.public.two"}

if TYPE_CHECKING:
    from lamo.public.one import One as One
else:
    __getattr__ = LAZY.get
""",
    "lamo/public/one.py": "class One:\n    pass\n",
    "lamo/public/two.py": "def two():\n    pass\n",
    "lamo/public/three.py": "THREE = 3\n",
}
SCRIPT = '''"""A script."""
import json

from lamo.errors import LamoError
from lamo.near.a import f
from lamo.jobs.job import PLUMBING

print(json.dumps(f()))
'''


@pytest.fixture
def tree(tmp_path):
    for name, text in MODULES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def fresh_hash(tree: Path) -> str:
    """The hash as a new process sees it."""
    for function in (hashing._code_modules, hashing._read, hashing._module_path):
        function.cache_clear()
    return code_hash(tree / "script.py", root=tree)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("script.py", "print(", "print(1, "),
        ("lamo/__init__.py", "", "X = 1\n"),
        ("lamo/errors.py", "pass", "x = 1"),
        ("lamo/near/__init__.py", '"""Near."""\n', "NEAR = 1\n"),
        ("lamo/near/a.py", "b.g()", "b.g() + 1"),
        ("lamo/far/b.py", "return E", "return -E"),
        ("lamo/far/e.py", "E = 1", "E = 2"),
    ],
)
def test_code_that_the_script_reaches_counts(tree, file, old, new):
    before = fresh_hash(tree)
    path = tree / file
    path.write_text(path.read_text().replace(old, new, 1))
    assert fresh_hash(tree) != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("script.py", '"""A script."""', '"""Another text."""'),
        ("script.py", '"""A script."""\n', ""),
        ("script.py", "import json\n", "import json  # why\n"),
        ("lamo/near/__init__.py", '"""Near."""\n', '"""Far."""\n'),
        ("lamo/near/a.py", "def f():\n", 'def f():\n    """Doc."""\n\n    # comment\n'),
        ("lamo/errors.py", "    pass", '    """Doc."""\n\n    pass'),
        ("lamo/far/e.py", "E = 1", "E    =   1\n\n"),
        ("lamo/apart.py", "1", "2"),
        ("lamo/near/d.py", "1", "2"),
        ("lamo/jobs/job.py", "1", "2"),
    ],
)
def test_comments_docstrings_and_other_modules_do_not(tree, file, old, new):
    before = fresh_hash(tree)
    path = tree / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    assert fresh_hash(tree) == before


def test_descriptions_of_config_fields_do_not_count_but_defaults_do(tree):
    module = tree / "lamo/far/e.py"
    module.write_text('E = Field(1, description="a")\n')
    before = fresh_hash(tree)
    module.write_text('E = Field(1, description="b")\n')
    assert fresh_hash(tree) == before
    module.write_text('E = Field(2, description="b")\n')
    assert fresh_hash(tree) != before


def test_place_of_the_repository_does_not_count(tree, tmp_path_factory):
    before = fresh_hash(tree)
    copy = tmp_path_factory.mktemp("copy") / "elsewhere"
    shutil.copytree(tree, copy)
    assert fresh_hash(copy) == before


def test_import_cycles_end(tree):
    (tree / "lamo/far/e.py").write_text("import lamo.near.a\nE = 1\n")
    assert fresh_hash(tree)


def test_broken_module_is_named(tree):
    (tree / "lamo/far/e.py").write_text("E = (\n")
    with pytest.raises(LamoError, match=r"lamo/far/e\.py: cannot be read as Python"):
        fresh_hash(tree)


def test_missing_script_is_named(tmp_path):
    with pytest.raises(LamoError, match=r"nothing\.py"):
        code_hash(tmp_path / "nothing.py")


def test_modules_have_a_hash_each(tree):
    fresh_hash(tree)
    before = code_modules(tree / "script.py", root=tree)
    assert list(before) == [
        *("lamo/__init__.py", "lamo/errors.py", "lamo/far/__init__.py", "lamo/far/b.py", "lamo/far/e.py"),
        *("lamo/near/__init__.py", "lamo/near/a.py", "script.py"),
    ]
    (tree / "lamo/far/e.py").write_text("E = 2\n")
    fresh_hash(tree)
    after = code_modules(tree / "script.py", root=tree)
    assert [name for name in after if after[name] != before[name]] == ["lamo/far/e.py"]


def test_modules_that_a_script_loads_by_name_count_with_what_they_import(tree):
    plain = fresh_hash(tree)
    named = code_hash(tree / "script.py", ["lamo.near.c"], root=tree)
    assert named != plain
    (tree / "lamo/near/d.py").write_text("D = 2\n")
    assert fresh_hash(tree) == plain
    assert code_hash(tree / "script.py", ["lamo.near.c"], root=tree) != named
    with pytest.raises(LamoError, match=r"script\.py: found no module lamo\.nowhere"):
        code_hash(tree / "script.py", ["lamo.nowhere"], root=tree)


ONE = "lamo/public/one.py"
TWO = "lamo/public/two.py"


@pytest.mark.parametrize(
    ("line", "reached"),
    [
        ("from lamo.public.three import THREE", set()),
        ("import lamo.public", set()),
        ("from lamo.public import One", {ONE}),
        ("from lamo.public import One as Uno, two", {ONE, TWO}),
        ("from lamo.public import *", {ONE, TWO}),
        ("import lamo.public\n\nlamo.public.One()", {ONE}),
        ("import lamo.public as short\n\nshort.two()", {TWO}),
        ("from lamo import public\n\npublic.One.method()", {ONE}),
    ],
)
def test_a_lazy_name_leads_to_its_module_where_it_is_used(tree, line, reached):
    (tree / "script.py").write_text(f"{line}\n")
    fresh_hash(tree)
    assert {ONE, TWO} & set(code_modules(tree / "script.py", root=tree)) == reached


def test_a_lazy_name_is_followed_from_a_module_of_the_package(tree):
    (tree / "lamo/near/a.py").write_text("def f():\n    from ..public import two\n    return two()\n")
    fresh_hash(tree)
    assert TWO in code_modules(tree / "script.py", root=tree)


def test_a_new_lazy_name_counts_for_nobody(tree):
    (tree / "script.py").write_text("from lamo.public import One\n")
    package = tree / "lamo/public/__init__.py"
    before = fresh_hash(tree)
    package.write_text(package.read_text().replace("LAZY = {", 'LAZY = {"THREE": "lamo.public.three", '))
    assert fresh_hash(tree) == before


def test_modules_of_another_package_are_followed(tree, tmp_path_factory, monkeypatch):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "other_package").mkdir()
    for name, text in {
        "__init__": "",
        "head": "from .parts import A\nfrom lamo.near.c import d\n",
        "parts": "A = 1\n",
    }.items():
        (elsewhere / "other_package" / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(elsewhere)
    fresh_hash(tree)
    found = code_modules(tree / "script.py", ["other_package.head"], root=tree)
    others = {"other_package/__init__.py", "other_package/head.py", "other_package/parts.py"}
    assert others | {"lamo/near/c.py", "lamo/near/d.py"} <= set(found)
    digest = code_hash(tree / "script.py", ["other_package.head"], root=tree)
    assert made_of(digest) == (tree / "script.py", ("other_package.head",))
    assert existing_modules(["other_package.head", "other_package.gone", "lamo.errors"]) == (
        "other_package.head",
        "lamo.errors",
    )
