"""The catalogue of metrics: every metric is declared, and a new one arrives everywhere without another change."""

import csv
import io
import re

import pytest

from lamo.errors import LamoError
from lamo.metrics.catalogue import METRICS, Metric, distances, metric
from lamo.metrics.comparisons import compare
from lamo.metrics.feature_scores import FEATURE_METRICS
from lamo.metrics.pixel import FRAME_METRICS
from lamo.metrics.samples import SAMPLE_METRICS
from lamo.report import figures
from lamo.report.comparisons_table import comparisons_csv, comparisons_markdown
from lamo.report.figures import metric_curves
from lamo.report.tables import make_grid, make_samples_grid, table_csv, table_markdown, table_text

HORIZONS = (0.2, 1.6)


def test_every_metric_that_is_computed_is_declared():
    assert {*FRAME_METRICS, *SAMPLE_METRICS} <= set(METRICS)
    assert all(metric(name).name == name for name in METRICS)
    assert set(FEATURE_METRICS) <= set(METRICS)
    for extractor in ("fid", "fd_imagenet", "fd_world"):
        assert [metric(one.name) for one in distances(extractor)] == list(distances(extractor))


@pytest.mark.parametrize(
    ("name", "title", "arrow"),
    [
        ("fid", "FID", "↓"),
        ("kid_inception", "KID", "↓"),
        ("fd_imagenet", "FD ImageNet", "↓"),
        ("kid_imagenet", "KID ImageNet", "↓"),
        ("fd_world", "FD world", "↓"),
        ("kid_world", "KID world", "↓"),
        ("psnr", "PSNR", "↑"),
        ("sharpness", "sharpness", "→1"),
        ("coverage", "coverage", ""),
    ],
)
def test_titles_and_arrows(name, title, arrow):
    assert (metric(name).title, metric(name).arrow) == (title, arrow)


def test_a_metric_says_which_values_are_better():
    with pytest.raises(TypeError, match="better"):
        Metric("mine", "mine")
    with pytest.raises(LamoError, match="found better='up', expected higher, lower, one, neither"):
        Metric("mine", "mine", better="up")
    with pytest.raises(LamoError, match="found compare=True with better='one'"):
        Metric("mine", "mine", better="one", compare=True)


def test_a_metric_that_is_not_declared_is_one_clear_error(run, monkeypatch):
    monkeypatch.setitem(FRAME_METRICS, "mine", lambda predicted, truth: (predicted - truth).abs().amax(dim=(1, 2, 3)))
    scores = run.score()
    for use in (
        lambda: make_grid(scores, HORIZONS, "run", ""),
        lambda: compare(scores.values, scores.replicates, HORIZONS, ("flow-20 over flow-5",), 100),
        lambda: metric_curves("unwritten.png", scores.summary),
    ):
        with pytest.raises(LamoError, match=r"metric 'mine' is computed but not declared.*catalogue\.py"):
            use()


@pytest.fixture
def with_new_metrics(run, monkeypatch):
    """Scores of the made-up run with two metrics more: one of single frames, one of all samples together."""
    mine = Metric(
        "worst", "worst pixel", better="lower", unit="levels", decimals=1, table="main", figure=True, compare=True
    )
    nearest = Metric(
        "share", "exact share", better="higher", table="samples", compare=True, about="share of exact values"
    )
    monkeypatch.setitem(METRICS, mine.name, mine)
    monkeypatch.setitem(METRICS, nearest.name, nearest)
    monkeypatch.setitem(
        FRAME_METRICS, mine.name, lambda predicted, truth: 255 * (predicted - truth).abs().amax(dim=(1, 2, 3))
    )
    monkeypatch.setitem(
        SAMPLE_METRICS, nearest.name, lambda of: (of.predicted == of.truth).mean(axis=(1, 3, 4, 5), dtype="float64")
    )
    return run.score()


def test_a_new_metric_arrives_in_the_tables(with_new_metrics):
    main = make_grid(with_new_metrics, HORIZONS, "run", "")
    samples = make_samples_grid(with_new_metrics, HORIZONS, "run")
    assert "| worst pixel ↓ |" in table_markdown(main)
    assert "Worst pixel (levels): lower is better." in main.caption
    assert re.search(r"lower is better: [^;]*worst pixel \(levels\), [^;]*FD grid", " ".join(table_text(main).split()))
    assert "| exact share ↑ |" in table_markdown(samples)
    assert "Exact share: share of exact values." in samples.caption
    rows = list(csv.DictReader(io.StringIO(table_csv(with_new_metrics.summary, HORIZONS))))
    worst = [row for row in rows if (row["metric"], row["horizon_s"]) == ("worst", "1.6")]
    found = {row["sampler"]: float(row["mean"]) for row in worst}
    assert 0 < found["flow-20"] < found["flow-5"] < found["gmm"] <= 255


def test_a_new_metric_is_compared_in_its_direction(with_new_metrics):
    values, replicates = with_new_metrics.values, with_new_metrics.replicates
    found, _ = compare(values, replicates, HORIZONS, ("persistence_pixels over flow-20",), 200)
    at_end = {one.metric: one for one in found if one.horizon_s == 1.6}
    # flow-20 has less noise: its worst pixel is lower, and more of its values are exact.
    assert at_end["worst"].difference.mean > 0
    assert at_end["share"].difference.mean < 0
    assert at_end["worst"].favours == at_end["share"].favours == "flow-20"
    assert "worst pixel ↓" in comparisons_markdown(found, (), "run")
    assert ",worst," in comparisons_csv(found)


def test_a_new_metric_has_a_panel(with_new_metrics, tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(figures, "save", lambda figure, path: saved.append(figure))
    metric_curves(tmp_path / "metrics.png", with_new_metrics.summary)
    titles = [axis.get_title() for axis in saved[0].axes]
    assert "worst pixel (levels), lower is better" in titles
    assert not any("exact share" in title for title in titles)
