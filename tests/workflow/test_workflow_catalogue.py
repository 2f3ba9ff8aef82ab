"""What the Snakemake workflow catalogue asks of a workflow, and using it as a catalogue's user would."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SHIM = ROOT / "workflow" / "Snakefile"
MODULE = f"""
configfile: "config/config.yaml"

module lamo:
    snakefile: "{SHIM}"
    config: config

use rule * from lamo
"""


def test_settings_say_what_is_there():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))["usage"]
    rules = [path.read_text(encoding="utf-8") for path in (ROOT / "workflow" / "rules").glob("0*.smk")]
    everything = "\n".join(rules)
    conda, container = everything.count(" conda:\n") == everything.count("rule "), "container:" in everything
    deployment = {"conda": conda, "apptainer": container, "apptainer+conda": conda and container}
    report = "report:" in (ROOT / "Snakefile").read_text(encoding="utf-8") and "report(" in everything
    assert usage == {"software-stack-deployment": deployment, "report": report}


def test_it_can_be_found_and_read():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    assert all(word in readme for word in ("snakemake", "workflow"))
    assert (ROOT / "config" / "README.md").read_text(encoding="utf-8").startswith("# Configuration")


@pytest.mark.parametrize("kind", ["shim", "module"])
def test_it_runs_from_a_folder_that_holds_only_a_configuration(kind, tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "module.smk").write_text(MODULE, encoding="utf-8")
    snakefile = SHIM if kind == "shim" else tmp_path / "module.smk"
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--dry-run", "--quiet", "rules"]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "metrics_table" in done.stdout + done.stderr
