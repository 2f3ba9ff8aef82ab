"""A run in a world that forks, up to the tables of windows shortly before a fork."""

import csv
import json

WORLD = "world={seconds: 7.0, val_videos: 3, forks: {junctions: 0.5, lights: 0.5}}"
FEWER = "predictors={entries: {state: null, flow: {samplers: [2]}}}"
LONGER = (
    "frames={min_frames: 12}",
    "rollouts={horizons_s: [0.2, 1.6]}",
    "metrics={horizons_s: [0.2, 1.6], comparisons: [learned over constant_motion]}",
)


def test_windows_before_forks_have_tables_of_their_own(new_workflow):
    workflow = new_workflow(WORLD, FEWER, *LONGER)
    workflow.run(targets=("07_metrics/table_groups.md", "07_metrics/modes.md", "07_metrics/fork_sheet.png"))
    metrics = workflow.results / "07_metrics"
    with (metrics / "table_groups.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {"junction", "light"} >= {row["group"] for row in rows} - {"elsewhere"} != set()
    assert {row["row"] for row in rows} >= {"ideal_futures", "flow-2", "gmm", "oracle_motion"}
    scored = [row for row in rows if (row["group"], row["metric"]) == ("elsewhere", "energy_score")]
    energy = {row["row"]: float(row["mean"]) for row in scored}
    assert energy["ideal_futures"] == min(energy.values())
    with (metrics / "modes.csv").open(encoding="utf-8") as file:
        modes = list(csv.DictReader(file))
    assert {"truth", "ideal_futures", "flow-2", "persistence_pixels"} <= {row["row"] for row in modes}
    windows = json.loads((workflow.results / "06_rollouts/truth.zarr/zarr.json").read_text())["attributes"]["windows"]
    assert len(windows) > 2 * 3  # those spread over the clips


def test_a_world_without_forks_has_none_of_them(new_workflow):
    jobs = new_workflow().jobs()
    assert "the table" in jobs
    assert not [job for job in jobs if "fork" in job]
