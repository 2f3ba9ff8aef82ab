"""What `lamo verify` says of files and records: of a small run made here, and of the finished tiny run."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from lamo.errors import LamoError
from lamo.jobs.code_hash import code_modules
from lamo.jobs.provenance import FORMAT, content_hash
from lamo.stores.atomic import write_json
from lamo.stores.manifest import HASHED_AT_OPENING_BYTES, write_manifest
from lamo.tools import verify
from lamo.tools.verify import AGREES, CHANGED, CODE, DOWNSTREAM, INPUT, MISSING, STRAY, Verification

SCRIPTS = {
    "workflow/scripts/01_frames.py": "from lamo.decode import f\n",
    "workflow/scripts/02_model.py": "from lamo.train import g\n",
    "lamo/__init__.py": "",
    "lamo/decode.py": "def f():\n    return 1\n",
    "lamo/train.py": "def g():\n    return 1\n",
}


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch, request):
    """A repository of two scripts in place of this one, for tests of the made run."""
    if "tiny" in request.fixturenames:
        return None
    root = tmp_path / "repository"
    for name, text in SCRIPTS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(verify, "ROOT", root)
    monkeypatch.setattr(verify, "code_modules", lambda script, modules: code_modules(script, modules, root=root))
    return root


def put_record(run: Path, root: Path, script: str, inputs: list[str], outputs: list[str], started: str) -> None:
    path = f"workflow/scripts/{script}.py"
    record = {
        "format": FORMAT,
        "rule": "metrics_table" if "table.md" in outputs[-1] else script[3:],
        "key": f"key of {script}",
        "results": "results/run",
        "started": started,
        "code": {"script": path, "modules": code_modules(root / path, root=root)},
        "inputs": {name: content_hash(run.parents[1] / name) for name in inputs},
        "outputs": {name: content_hash(run.parents[1] / name) for name in outputs},
    }
    write_json(run / "provenance" / script[:2] / f"{script}.{outputs[0].replace('/', '.')}.json", record)


@pytest.fixture
def run(tmp_path, root):
    """Store -> model -> table, with their records."""
    run = tmp_path / "results" / "run"
    for stage in ("01", "02", "03", "logs"):
        (run / stage).mkdir(parents=True)
    group = zarr.create_group(str(run / "01" / "0.zarr"))
    # More than is hashed when a store is opened.
    rows = np.ones(2 * HASHED_AT_OPENING_BYTES, dtype=np.uint8)
    group.create_array("x", data=rows, chunks=rows.shape, compressors=None)
    write_manifest(run / "01" / "0.zarr", run / "01" / "0.manifest.json", "made")
    for name in ("02/model", "02/log", "03/table.md", "logs/a.log", "report.html"):
        (run / name).write_text(name)
    (tmp_path / "weights").write_text("from elsewhere")
    store = [f"results/run/01/0.{end}" for end in ("zarr", "manifest.json")]
    model = ["results/run/02/model", "results/run/02/log"]
    put_record(run, root, "01_frames", [], store, "2026-01-01")
    put_record(run, root, "02_model", [*store, "weights"], model, "2026-01-02")
    put_record(run, root, "02_model", model[:1], ["results/run/03/table.md"], "2026-01-03")
    return run


def kinds(run: Path, quick: bool = False) -> dict[str, str]:
    verify.changed_modules.cache_clear()
    forget_code()
    return {finding.path: finding.kind for finding in Verification(run, quick).findings()}


def text_of(run: Path, path: str) -> str:
    verify.changed_modules.cache_clear()
    forget_code()
    return next(finding.text for finding in Verification(run).findings() if finding.path == path)


def forget_code() -> None:
    """Modules are read once per process."""
    from lamo.jobs import code_hash

    for name in vars(code_hash).values():
        if hasattr(name, "cache_clear"):
            name.cache_clear()


ALL = dict.fromkeys(("01/0.manifest.json", "01/0.zarr", "02/log", "02/model", "03/table.md"), AGREES)


def test_untouched_run_agrees(run):
    assert kinds(run) == ALL
    assert verify.main([str(run)]) == 0


def test_run_may_be_moved(run, tmp_path):
    other = tmp_path / "results" / "other"
    run.rename(other)
    (other / "02" / "log").write_text("edited")
    assert kinds(other) == {**ALL, "02/log": CHANGED}


def test_changed_content_is_told_from_what_was_made_of_it(run):
    (run / "02" / "model").write_text("edited")
    assert kinds(run) == {**ALL, "02/model": CHANGED, "03/table.md": INPUT}
    assert text_of(run, "03/table.md") == f"{INPUT}: 02/model"


def test_only_what_descends_from_the_changed_file_is_downstream(run):
    (run / "02" / "log").write_text("edited")
    assert kinds(run) == {**ALL, "02/log": CHANGED}


def test_damaged_store_is_found_in_its_files_and_not_by_a_quick_look(run):
    chunk = next(path for path in (run / "01" / "0.zarr" / "x" / "c").rglob("*") if path.is_file())
    content = bytearray(chunk.read_bytes())
    content[-1] ^= 1
    chunk.write_bytes(bytes(content))
    downstream = dict.fromkeys(("02/log", "02/model", "03/table.md"), DOWNSTREAM)
    assert kinds(run) == {**ALL, "01/0.zarr": CHANGED, **downstream}
    assert str(chunk.relative_to(run)) in text_of(run, "01/0.zarr")
    assert text_of(run, "03/table.md") == f"{DOWNSTREAM} 01/0.zarr"
    assert kinds(run, quick=True) == ALL


def test_input_from_elsewhere_that_changed_or_went_is_named(run, tmp_path):
    (tmp_path / "weights").write_text("others")
    assert kinds(run) == {**ALL, "02/log": INPUT, "02/model": INPUT, "03/table.md": DOWNSTREAM}
    (tmp_path / "weights").unlink()
    assert text_of(run, "02/model") == f"{INPUT}: {tmp_path}/weights (gone)"


def test_code_that_changed_is_named_and_comments_are_none(run, root):
    module = root / "lamo" / "decode.py"
    module.write_text('"""Doc."""\n# comment\n' + SCRIPTS["lamo/decode.py"])
    assert kinds(run) == ALL
    module.write_text("def f():\n    return 2\n")
    downstream = dict.fromkeys(("02/log", "02/model", "03/table.md"), DOWNSTREAM)
    assert kinds(run) == {"01/0.zarr": CODE, "01/0.manifest.json": CODE, **downstream}
    assert text_of(run, "01/0.zarr") == f"{CODE}: lamo/decode.py"
    module.unlink()
    (root / "workflow/scripts/01_frames.py").write_text("f = 1\n")
    assert text_of(run, "01/0.zarr") == f"{CODE}: lamo/decode.py, workflow/scripts/01_frames.py"


def test_script_that_is_gone_is_named(run, root):
    (root / "workflow/scripts/01_frames.py").unlink()
    assert text_of(run, "01/0.zarr") == f"{CODE}: workflow/scripts/01_frames.py"


def test_missing_files_and_strays(run):
    (run / "02" / "log").unlink()
    (run / "03" / "notes.txt").write_text("by hand")
    (run / "03" / "1.zarr").mkdir()
    (run / "03" / "1.zarr" / "zarr.json").write_text("{}")
    assert kinds(run) == {**ALL, "02/log": MISSING, "03/notes.txt": STRAY, "03/1.zarr": STRAY}


def test_foreign_files_are_said_and_disagree_with_nothing(run, capsys):
    foreign = ("01/0.zarr/.DS_Store", "01/0.zarr/notes.txt", "02/._model", "Thumbs.db", "provenance/02/._02_model.json")
    for name in (*foreign, "01/0.zarr/.snakemake_timestamp", "03/.snakemake_timestamp"):
        (run / name).write_bytes(b"\0\xff")
    assert kinds(run) == kinds(run, quick=True) == ALL
    assert verify.main([str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        f"{run}: passed over, not part of it: 01/0.zarr/.DS_Store, 01/0.zarr/notes.txt, 02/._model and 2 more" in lines
    )
    (run / "01" / "0.zarr" / "x" / "c" / "1").write_bytes(b"1")
    (run / "01" / "0.zarr" / "x" / "zarr.json").unlink()
    assert kinds(run)["01/0.zarr"] == CHANGED


def test_what_was_made_of_a_file_without_record_is_downstream_of_it(run):
    next((run / "provenance" / "01").iterdir()).unlink()
    assert kinds(run) == {
        **dict.fromkeys(("01/0.manifest.json", "01/0.zarr"), STRAY),
        **dict.fromkeys(("02/log", "02/model", "03/table.md"), DOWNSTREAM),
    }


def test_of_two_records_of_a_file_the_last_one_counts(run, root):
    (run / "02" / "model").write_text("imported")
    put_record(run, root, "01_frames", [], ["results/run/02/model"], "2026-02-01")
    assert kinds(run) == {**ALL, "03/table.md": INPUT}


def test_report_ends_with_the_run_id_and_the_sum(run, capsys):
    (run / "02" / "log").write_text("edited")
    assert verify.main([str(run)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["artefact", "state"]
    assert lines[-2] == "run id key of 02_model, as in the table; 2 records of 4 artefacts stand behind it"
    assert lines[-1] == f"5 artefacts, 3 records: 4 agree, 1 {CHANGED}"


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(LamoError, match="no such folder"):
        verify.main([str(tmp_path / "nothing")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(LamoError, match="no artefacts"):
        verify.main([str(tmp_path / "empty")])


def test_record_of_another_format_is_refused(run):
    record = next((run / "provenance" / "01").iterdir())
    record.write_text(json.dumps({**json.loads(record.read_text()), "format": 0}))
    with pytest.raises(LamoError, match="found format 0, expected 1"):
        Verification(run)


def test_finished_run_agrees_and_names_itself_in_its_table(tiny):
    text, agrees = verify.report(Verification(tiny.results))
    assert agrees, text
    record = json.loads((tiny.results / "provenance" / "07_metrics" / "metrics_table.json").read_text(encoding="utf-8"))
    assert f"run id {record['key']}," in text
    for name in ("table.md", "table.txt", "table.tex"):
        assert f"run id {record['key']})" in (tiny.results / "07_metrics" / name).read_text(encoding="utf-8")
    assert text.endswith("168 artefacts, 41 records: 168 agree")


def test_changed_weights_of_a_finished_run_are_followed_to_the_table(tiny, tmp_path):
    copy = tmp_path / "results" / "tiny"
    shutil.copytree(tiny.results, copy)
    weights = copy / "05_predictors" / "gmm" / "seed0" / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    found = kinds(copy)
    assert found["05_predictors/gmm/seed0/model.safetensors"] == CHANGED
    assert found["06_rollouts/gmm/seed0/gmm.zarr"] == INPUT
    assert found["07_metrics/table.md"] == DOWNSTREAM
    assert found["06_rollouts/flow/seed0/flow-2.zarr"] == AGREES
    assert found["07_metrics/probe.md"] == AGREES
