"""The configurations that are laid over a finished run: they are valid, and change no stage that they share."""

from pathlib import Path

import pytest

from lamo.config import Config
from lamo.stages import check_shared, keep_config
from lamo.tools.overlay import read_config

CONFIGS = Path(__file__).resolve().parents[1] / "config"
ABLATIONS = sorted((CONFIGS / "ablations").glob("*.yaml"))


def over(base: str, file: Path, folder: Path, **values) -> Config:
    """The configuration `file` over that of the run `base`, whose stages it may share."""
    below = read_config([CONFIGS / base])
    keep_config(below.model_dump(mode="json", by_alias=True), folder / below.run)
    config = read_config([CONFIGS / base, file], values)
    assert config.share.run == below.run
    check_shared(config.model_dump(mode="json", by_alias=True), folder / config.run)
    return config


@pytest.mark.parametrize("file", ABLATIONS, ids=lambda file: file.stem)
def test_every_ablation_fits_the_benchmark(file, tmp_path):
    config = over("bench.yaml", file, tmp_path)
    assert config.run == f"bench-science-{file.stem}"
    assert config.predictors.seeds == (0,)
    assert config.rollouts.samples == 4
    text = file.read_text(encoding="utf-8")
    assert f"GROUP={file.stem}\n" in text


@pytest.mark.parametrize("file", [file for file in ABLATIONS if file.stem != "history"], ids=lambda file: file.stem)
def test_ablations_fit_the_demo_too(file, tmp_path):
    config = over("demo.yaml", file, tmp_path, run="demo-ablation", share={"run": "demo"})
    # Networks of other sizes cannot begin with the demo's.
    assert "midway" in config.share.stages or config.midway.training.start is None


@pytest.mark.parametrize("bench", ["bench", "bench-gpu"])
def test_the_long_rollouts_of_the_benchmark_change_no_model(bench, tmp_path):
    values = {"run": f"{bench}-science-long", "share": {"run": f"{bench}-science"}}
    config = over(f"{bench}.yaml", CONFIGS / "bench-long.yaml", tmp_path, **values)
    assert "predictors" in config.share.stages
    assert max(config.rollouts.horizons_s) == 8.0
