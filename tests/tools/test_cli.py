"""The command `lamo`: help, exit codes, errors in one line, and that everything which calls it names what exists."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from types import SimpleNamespace

import pytest
import yaml

from lamo import cli
from lamo.config import Config
from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.tools import docs
from lamo.tools.overlay import read_config

ACTIONS = {"config": ["check", "show", "write"], "docs": list(docs.PARTS)}


def help_of(arguments, capsys) -> str:
    with pytest.raises(SystemExit) as end:
        cli.main([*arguments, "--help"])
    assert not end.value.code
    return capsys.readouterr().out


def test_help_lists_every_program_with_what_it_does(capsys):
    text = help_of([], capsys)
    for name, program in cli.PROGRAMS.items():
        assert re.search(rf"^  {name} +{re.escape(program.summary)}$", text, re.MULTILINE)
    assert "examples:" in text


@pytest.mark.parametrize("name", cli.PROGRAMS)
def test_help_of_every_program_has_an_example(name, capsys):
    text = help_of([name], capsys)
    assert text.startswith(f"usage: lamo {name} ")
    assert re.search(rf"^  lamo {name} ", text, re.MULTILINE)
    assert all(action in text for action in ACTIONS.get(name, []))


def test_starting_it_imports_neither_torch_nor_the_programs():
    code = """
import sys
from lamo.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
print(sorted(name for name in sys.modules if name.split(".")[0] in {"numpy", "torch", "pydantic", "snakemake"}))
print([name for name in sys.modules if name.startswith("lamo.tools")])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["[]", "[]"]


def test_it_can_be_run_as_a_module(tmp_path):
    command = [sys.executable, "-m", "lamo", "results", str(tmp_path / "nothing")]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith(f"lamo results: {tmp_path}/nothing: no such folder")


def test_without_a_command_it_shows_its_help(capsys):
    assert cli.main([]) == 2
    assert "commands:" in capsys.readouterr().err


def test_a_command_that_does_not_exist_is_refused(capsys):
    assert cli.main(["plann"]) == 2
    assert capsys.readouterr().err == "lamo plann: no such command; did you mean plan?\n"
    assert cli.main(["xyz"]) == 2
    assert "expected one of predict, plan, explain" in capsys.readouterr().err


# What follows `explain` is Snakemake's.
@pytest.mark.parametrize("name", [name for name in cli.PROGRAMS if name != "explain"])
def test_an_option_that_does_not_exist_is_refused(name, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--no-such-option"])
    assert end.value.code == 2
    assert f"usage: lamo {name}" in capsys.readouterr().err


@pytest.fixture
def program(monkeypatch):
    """Puts a function in the place of a program."""

    def put(main):
        monkeypatch.setattr(cli.importlib, "import_module", lambda module: SimpleNamespace(main=main))

    return put


def test_status_and_arguments_are_those_of_the_program(program):
    program(lambda arguments: len(arguments))
    assert [cli.main(["verify", *arguments]) for arguments in ([], ["--help"], ["a", "--b"])] == [0, 1, 2]


def test_bad_input_is_one_line(program, capsys):
    def refuse(arguments):
        raise LamoError("a.yaml: found\nnonsense")

    program(refuse)
    assert cli.main(["verify"]) == 2
    assert capsys.readouterr().err == "lamo verify: a.yaml: found nonsense\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["plan", "--config", "missing.yaml"], "lamo plan: missing.yaml: not found"),
        (["verify", "no-such-run"], "lamo verify: no-such-run: no such folder"),
        (["explain", "--no-such-option"], "lamo explain: snakemake --dry-run --no-such-option"),
        (
            ["publish", "no-such-run", "no-such-folder", "--command", "make x"],
            "lamo publish: no-such-run: not finished",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_programs_refuse_bad_input_in_one_line(arguments, expected, capsys):
    assert cli.main(arguments) == 2
    told = capsys.readouterr()
    assert (told.out, len(told.err.splitlines())) == ("", 1)
    assert told.err.startswith(expected)


def test_other_errors_keep_their_traceback(program):
    def fail(arguments):
        raise ValueError("a mistake in the code")

    program(fail)
    with pytest.raises(ValueError, match="a mistake"):
        cli.main(["verify"])


def test_an_interruption_is_no_traceback(program):
    def interrupt(arguments):
        raise KeyboardInterrupt

    program(interrupt)
    assert cli.main(["verify"]) == 130


def test_a_reader_that_stops_early_is_no_error():
    command = f"{sys.executable} -m lamo config show | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, text=True, capture_output=True, check=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() in (["run: demo", "0"], ["run: demo", "141"])


def test_every_target_of_make_calls_what_exists():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    calls = re.findall(r"\$\(BIN\)/lamo ([a-z]+) ?([a-z]*)", text)
    # These are about paths of the user's own, which no target knows.
    assert {name for name, _ in calls} == set(cli.PROGRAMS) - {"predict", "inspect", "compare", "windows", "score"}
    assert [(name, action) for name, action in calls if name in ACTIONS and action not in ACTIONS[name]] == []
    assert not re.search(r"-m lamo\.", text)


def test_the_command_is_installed_with_the_package():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts == {"lamo": "lamo.cli:main"}


def test_there_is_no_other_way_to_start_a_program():
    files = (ROOT / "lamo" / "tools").rglob("*.py")
    assert [path for path in files if '__name__ == "__main__"' in path.read_text(encoding="utf-8")] == []


def test_documents_name_commands_that_exist():
    for path in [
        ROOT / "README.md",
        *ROOT.glob("docs/*.md"),
        ROOT / "results" / "README.md",
        ROOT / "config" / "README.md",
    ]:
        called = re.findall(r"`(?:\.venv/bin/)?lamo ([a-z]+)", path.read_text(encoding="utf-8"))
        assert set(called) <= set(cli.PROGRAMS), path


def test_a_valid_configuration_is_said_to_be_so(capsys):
    assert cli.main(["config", "check", "config/tiny.yaml", "--set", "run=mine"]) == 0
    assert capsys.readouterr().out == "config/tiny.yaml: valid; results will lie in results/mine\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["missing.yaml"], "missing.yaml: not found"),
        (["--set", "sed=3"], "unknown key sed (found 3); did you mean seed?"),
        (["--set", "seed=-1"], "seed: found -1"),
        (["--set", "frames={rate_hz: fast}"], "frames.rate_hz: found 'fast'"),
    ],
)
def test_a_wrong_configuration_is_refused_in_one_line(arguments, expected, capsys):
    assert cli.main(["config", "check", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line


def test_the_configuration_that_is_shown_is_the_whole_one(tmp_path, capsys):
    assert cli.main(["config", "show", "config/tiny.yaml"]) == 0
    shown = capsys.readouterr().out
    (tmp_path / "shown.yaml").write_text(shown)
    assert yaml.safe_load(shown).keys() == Config.model_fields.keys()
    assert read_config([tmp_path / "shown.yaml"]) == read_config([ROOT / "config" / "tiny.yaml"])


def test_generated_files_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr("lamo.tools.config.ROOT", tmp_path)
    assert cli.main(["config", "write"]) == 0
    for name in ("config/config.yaml", "config/README.md", "workflow/schemas/config.schema.json"):
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes()


def test_results_of_a_run_are_shown_by_folder_or_name(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "results" / "mine" / "07_metrics"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["results", "mine"]) == 2
    assert "results/mine/07_metrics/table.txt: not there" in capsys.readouterr().err
    (folder / "table.txt").write_text("the table\n")
    (folder / "table.csv").touch()
    for run in ("mine", "results/mine", str(tmp_path / "results" / "mine")):
        assert cli.main(["results", run]) == 0
        assert capsys.readouterr().out.startswith("the table\n")


def test_a_part_of_the_documents_is_written_by_its_module(monkeypatch):
    written = []
    modules = {
        module: SimpleNamespace(write=lambda name=name: written.append(name))
        for name, (module, _) in docs.PARTS.items()
    }
    monkeypatch.setattr(docs.importlib, "import_module", modules.__getitem__)
    for name in docs.PARTS:
        assert docs.main([name]) == 0
    assert written == list(docs.PARTS)


@pytest.mark.parametrize("module", [module for module, _ in docs.PARTS.values()])
def test_every_part_of_the_documents_can_be_written(module):
    tree = ast.parse(ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8"))
    assert "write" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_letters_that_a_terminal_does_not_have_end_no_program(tmp_path):
    run = tmp_path / "results" / "run"
    (run / "07_metrics").mkdir(parents=True)
    (run / "07_metrics" / "table.txt").write_text("0.4 ± 0.1\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "lamo", "results", str(run)]
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=True)
    assert done.stdout.startswith("0.4 \\xb1 0.1\n")
