"""The page: its parts, read from the folder of a run, and the template that they are put into."""

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import yaml
from jinja2 import Environment
from markupsafe import Markup
from PIL import Image
from plotly.offline import get_plotlyjs
from plotly.utils import PlotlyJSONEncoder

from lamo.errors import LamoError
from lamo.model.card import LIMITS
from lamo.report.figures import filled
from lamo.report.html import as_html
from lamo.stages import CONFIG_FILE, ShareConfig, path_variables
from lamo.stores.atomic import read_json
from lamo.tools.records import raw_records
from lamo.tools.report.charts import metric_charts, training_charts
from lamo.tools.report.gallery import address, gallery
from lamo.tools.report.tables import facts, html_of, jobs_table, main_table

# Of the folder of stage 07: what the page cannot do without, and what a run may lack.
NEEDED = ("table.md", "metrics.parquet", "summary.parquet")
MORE_TABLES = {
    "comparisons.md": "Differences on the same windows",
    "table_samples.md": "Several samples together, and other distances",
    "table_groups.md": "By groups of windows",
    "modes.md": "Which way futures go at forks",
    "probe.md": "What motion tokens say of the true motion",
}
PICTURES = {
    "fork_sheet.png": "Windows shortly before a fork: true futures and those of each method",
    "figures/looks.png": "Looks against coverage",
    "figures/probe.png": "True motion, and what a line reads from the motion tokens",
    "figures/token_groups.png": "What each group of motion tokens moves",
}
MATCHED, LOG = "matched.md", "log.parquet"
# Pixels; a WebP picture has at most 16,383.
_WIDEST, _TALLEST = 1800, 16000


def run_page(run: Path, windows: int) -> str:
    """The page of the finished run in `run`, with `windows` windows to play besides the best and worst ones.

    Raises:
        LamoError: the run is not finished, or a file of it is damaged.
    """
    metrics = run / "07_metrics"
    missing = [str(metrics / name) for name in NEEDED if not (metrics / name).is_file()]
    if missing or not (run / CONFIG_FILE).is_file():
        found = ", ".join(missing) or str(run / CONFIG_FILE)
        raise LamoError(f"{run}: found no {found}, expected a finished run; run it to its end")
    config = read_json(run / CONFIG_FILE)
    places = {name: Path(path) for name, path in path_variables(ShareConfig(**config["share"]), str(run)).items()}
    records = raw_records(run)
    if not records:
        raise LamoError(f"{run}: found no records of its jobs in provenance/, expected one for each; run it again")
    text = {name: _asset(name) for name in ("page.css", "page.js", "paper.md")}
    clips = pd.read_parquet(places["frames"] / "clips.parquet", columns=["split", "frames"])
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_asset("page.html.jinja"))
    return template.render(
        run=config["run"],
        source=_source(config["videos"]["root"]),
        clips_used=clips[clips["frames"] > 0]["split"].value_counts().to_dict(),
        facts=facts(records),
        config=yaml.safe_dump(config, sort_keys=False, allow_unicode=True),
        style=Markup(text["page.css"]),
        script=Markup(text["page.js"]),
        plotly=Markup(get_plotlyjs()),
        table=main_table(metrics / "table.md"),
        paper=as_html(text["paper.md"]),
        tables=_more_tables(run, places),
        pictures=list(_pictures(metrics)),
        clips=html_of(places["frames"] / "clips.md"),
        jobs=as_html(jobs_table(records)),
        limits=as_html(LIMITS),
        data=_data(metrics, places, config, windows),
    )


def _asset(name: str) -> str:
    """A file that lies beside this module."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def _data(metrics: Path, places: Mapping[str, Path], config: Mapping[str, Any], windows: int) -> Markup:
    """What the page's script reads."""
    values = pq.read_table(metrics / "metrics.parquet").to_pandas()
    return _json(
        {
            "rollouts": gallery(
                places["rollouts"], values, config["frames"]["rate_hz"], config["predictors"]["seeds"][0], windows
            ),
            "scores": metric_charts(pq.read_table(metrics / "summary.parquet")),
            "trainings": training_charts(_logs(places, config)),
        }
    )


def _source(root: str | Mapping[str, str] | None) -> str:
    """Whose videos they are, in words."""
    if root is None:
        return "drives of the synthetic world"
    if isinstance(root, str):
        return f"videos of the folder {Path(root).name}"
    return f"videos of the folders {', '.join(root)}"


def _more_tables(run: Path, places: Mapping[str, Path]) -> dict[str, Markup]:
    """The tables besides the main one that the run has, by their titles."""
    tables = {title: run / "07_metrics" / name for name, title in MORE_TABLES.items()}
    # A run that shares its predictors may have made the table of them itself.
    own, shared = run / "05_predictors" / MATCHED, places["predictors"] / MATCHED
    tables["What each predictor was given and costs"] = own if own.exists() else shared
    return {title: html_of(file) for title, file in tables.items() if file.exists()}


def _logs(places: Mapping[str, Path], config: Mapping[str, Any]) -> dict[str, dict[str, Path]]:
    """The logs of the run's trainings by kind and name; what was taken from elsewhere or left out has none."""
    predictors = {
        f"{name}, seed {seed}": places["predictors"] / name / f"seed{seed}" / LOG
        for name, entry in config["predictors"]["entries"].items()
        for seed in config["predictors"]["seeds"]
        if entry
    }
    midway = {"dynamics": places["midway"] / LOG, "pretraining": places["midway"] / "pretraining.parquet"}
    kinds = {
        "midway": midway,
        "decoder": {"decoder": places["decoder"] / LOG},
        "predictors": predictors,
        "features of the world": {"features": places["features"] / LOG},
    }
    return {kind: filled({name: log for name, log in logs.items() if log.is_file()}) for kind, logs in kinds.items()}


def _pictures(metrics: Path) -> Iterator[tuple[str, str]]:
    """Title and address of each picture, which holds its own data."""
    for name, title in PICTURES.items():
        if (metrics / name).is_file():
            with Image.open(metrics / name) as image:
                small = image.convert("RGB")
            small.thumbnail((_WIDEST, _TALLEST))
            yield title, address(small, "WEBP", quality=85, method=4)


def _json(value: Any) -> Markup:
    """JSON that can stand in a script of a page: no text in it ends the script. NaN becomes null."""
    text = json.dumps(value, cls=PlotlyJSONEncoder, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
