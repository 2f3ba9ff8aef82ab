"""Means over groups of windows against naive ones, and their tables; other tables leave windows at forks out."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from pandas.testing import assert_frame_equal
from scored_run import part

from lamo.errors import LamoError
from lamo.metrics.comparisons import compare
from lamo.metrics.groups import BY_FORK, folders_of, group_means
from lamo.report.groups_table import groups_csv, groups_markdown
from lamo.stores.rollouts import Window

HORIZONS = (0.2, 1.6)


@pytest.fixture(scope="module")
def groups(run):
    """The first of the two windows of each clip is one at a junction."""
    return {window: "junction" if window.start == 0 else "elsewhere" for window in run.truth.windows}


@pytest.fixture(scope="module")
def found(scores, groups):
    return group_means(scores.values, scores.replicates, groups, HORIZONS, 200)


def test_means_are_those_of_the_windows_of_the_group(found, scores, groups):
    frame = scores.values.to_pandas()
    for one in found[:: len(found) // 12]:
        label = np.where(frame["sampler"] == "-", frame["method"], frame["sampler"])
        rows = frame[
            (label == one.label) & (frame["metric"] == one.metric) & np.isclose(frame["horizon_s"], one.horizon_s)
        ]
        own = [groups[Window(c, int(s))] == one.group for c, s in zip(rows["clip"], rows["window_start"], strict=True)]
        assert one.interval.mean == pytest.approx(rows["value"][own].mean(), rel=1e-6)
        assert one.windows == 8
        assert one.clips == 8
    assert {one.group for one in found} == {"junction", "elsewhere"}
    labels = list(dict.fromkeys(one.label for one in found))
    assert labels[:2] == ["decoder_ceiling", "oracle_motion"]
    assert "flow-20" in labels


def test_tables_show_every_group_and_say_how_many_windows_it_has(found):
    lines = list(csv.DictReader(io.StringIO(groups_csv(found))))
    assert len(lines) == len(found)
    assert {line["group"] for line in lines} == {"junction", "elsewhere"}
    text = groups_markdown(found, "test", BY_FORK)
    assert "| junction, 8 windows of 8 clips | PSNR ↑ | SSIM ↑ |" in text
    assert "after 1.6 s" in text
    assert text.count("| flow-20 |") == 2


def test_a_window_without_a_group_is_an_error(scores, groups):
    some = dict(list(groups.items())[1:])
    with pytest.raises(LamoError, match="the group of Window"):
        group_means(scores.values, scores.replicates, some, HORIZONS, 50)


def test_windows_chosen_at_a_fork_count_in_their_group_alone(run, groups):
    windows = [replace(window, at_fork=groups[window] == "junction") for window in run.truth.windows]
    marked = run.score(truth=replace(run.truth, windows=windows))
    others = [place for place, window in enumerate(windows) if not window.at_fork]
    sets = [replace(one, rollouts=part(one.rollouts, others)) for one in run.sets]
    without = run.score(sets=sets, truth=part(run.truth, others))
    assert_frame_equal(marked.summary.to_pandas(), without.summary.to_pandas())
    assert marked.windows == len(others)
    pairs = [
        compare(one.values, one.replicates, HORIZONS, ["flow-20 over flow-5"], 200)[0] for one in (marked, without)
    ]
    assert repr(pairs[0]) == repr(pairs[1])
    found = group_means(marked.values, marked.replicates, groups, HORIZONS, 200)
    assert {one.group: one.windows for one in found} == {"junction": 8, "elsewhere": 8}


def test_windows_are_grouped_by_the_folder_of_their_video():
    windows = [Window("hills/a", 0), Window("city/b/c", 3), Window("hills/a", 5)]
    assert folders_of(windows, ["city", "hills"]) == ["hills", "city", "hills"]
    with pytest.raises(LamoError, match="found clips of hills, expected those of city"):
        folders_of(windows, ["city"])


def test_groups_of_other_names_stand_by_the_alphabet(scores, groups):
    renamed = {window: {"junction": "hills", "elsewhere": "city"}[group] for window, group in groups.items()}
    found = group_means(scores.values, scores.replicates, renamed, HORIZONS, 50)
    assert list(dict.fromkeys(one.group for one in found if one.horizon_s == HORIZONS[0])) == ["city", "hills"]
