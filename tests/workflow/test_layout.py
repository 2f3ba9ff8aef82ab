"""The layout that makes re-runs exact: short scripts, narrow imports, rules that declare everything."""

import ast
import re
from pathlib import Path
from statistics import median

import pytest

from lamo.jobs.code_hash import code_modules
from lamo.predictors.entries import DEFAULTS
from lamo.predictors.kinds import built_in_kinds
from lamo.stages import STAGES

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "workflow" / "scripts").glob("*.py"))
RULES = sorted((ROOT / "workflow" / "rules").glob("0*.smk"))
DIRECTIVES = ("output", "log", "benchmark", "conda", "threads", "resources", "params", "message", "script")
# Rules whose scripts load the code of kinds of predictors by their names, which is added to what they import: that of
# the job's own predictor, or those of all.
LOADS_A_PREDICTOR = {"predictors_train", "predictors_train_end_to_end", "rollouts_predict"}
LOADS_PREDICTORS = {"predictors_matched"}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def rules(path: Path) -> dict[str, str]:
    parts = re.split(r"^ *rule (\w+):$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_are_short_and_stand_alone(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""')
    assert len(text.splitlines()) < 60
    assert "with job(snakemake)" in text
    assert not imported(path) & {"lamo.config", "snakemake"}
    assert not any(name.startswith("lamo.tools.plan") for name in imported(path))


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_every_rule_declares_everything(path):
    # A stage with many rules has several files, the stage's name before an underscore.
    stage_folder = "_".join(path.stem.split("_")[:2])
    for name, text in rules(path).items():
        assert [word for word in DIRECTIVES if not re.search(rf"^ +{word}:", text, re.MULTILINE)] == [], name
        script = f"{path.stem[:2]}_{name}.py"
        assert f'"../scripts/{script}"' in text
        code = "code_of_predictor" if name in LOADS_A_PREDICTOR else "code"
        code = "code_of_predictors" if name in LOADS_PREDICTORS else code
        assert f'code={code}("{script}")' in text
        # Of a stage that can be shared, logs and benchmarks lie in the run that has it.
        stages = [stage for stage, one in STAGES.items() if one.records.startswith(f"{stage_folder}/")]
        for kind in ("logs", "benchmarks"):
            folders = [f"<{kind}>/{stage_folder}", *(f"<{stage}_{kind}>" for stage in stages)]
            assert any(f'"{folder}/{name}' in text for folder in folders), name


def test_every_script_belongs_to_a_rule():
    names = {f"{path.stem[:2]}_{name}" for path in RULES for name in rules(path)}
    assert names == {path.stem for path in SCRIPTS}


def test_only_rules_of_one_predictor_load_one():
    loading = {path.stem.partition("_")[2] for path in SCRIPTS if "lamo/predictors/build.py" in code_modules(path)}
    assert loading == LOADS_A_PREDICTOR | LOADS_PREDICTORS


def test_kinds_of_predictors_are_listed_nowhere():
    """A kind is declared beside its head. Only the default entries name all of them, and keys that there once were."""
    kinds = [str(entry["kind"]) for entry in DEFAULTS.values()]
    assert set(kinds) <= set(built_in_kinds())
    paths = [*(ROOT / "lamo").rglob("*.py"), *(ROOT / "workflow").rglob("*.smk"), *SCRIPTS]
    listing = [path for path in paths if all(f'"{kind}"' in path.read_text(encoding="utf-8") for kind in kinds)]
    assert {path.name for path in listing} == {"entries.py", "earlier_keys.py"}


def test_only_programs_for_people_import_snakemake():
    for path in (ROOT / "lamo").rglob("*.py"):
        if "tools" not in path.parts:
            assert not any(name.split(".")[0] == "snakemake" for name in imported(path)), path


CODE = sorted(
    path
    for folder in ("lamo", "workflow", "tests", "benchmarks")
    for suffix in ("py", "smk")
    for path in (ROOT / folder).rglob(f"*.{suffix}")
)


def test_files_are_short():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in CODE}
    assert {str(path): length for path, length in lengths.items() if length > 260} == {}


def test_functions_are_short():
    lengths = {}
    for path in (ROOT / "lamo").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                lengths[f"{path}: {node.name}"] = node.end_lineno - node.lineno + 1
    assert median(lengths.values()) <= 8
    assert {name: length for name, length in lengths.items() if length > 50} == {}
