"""The page that `lamo report` writes: what is on it, and that a browser shows and plays it without any other file."""

import base64
import io
import json
import re
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lamo import cli
from lamo.stores.rollouts import read_rollouts
from lamo.tools.report.page import _json
from lamo.tools.report.tables import as_html
from lamo.training.loop import TrainingLog

WIDTHS = (390, 1440)


def lamo_report(*arguments) -> int:
    return cli.main(["report", *map(str, arguments)])


@pytest.fixture(scope="module")
def page(tiny, tmp_path_factory):
    """The page of the tiny run."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    assert lamo_report(tiny.results, "-o", file, "--windows", 2) == 0
    return file


@pytest.fixture(scope="module")
def data(page):
    """What the page's script reads."""
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


@pytest.fixture(scope="module")
def values(tiny):
    return pq.read_table(tiny.results / "07_metrics/metrics.parquet").to_pandas()


def strips(rollouts, window) -> np.ndarray:
    """The strips of a window's picture, as frames [rows, T, H, W, 3]."""
    picture = base64.b64decode(window["picture"].partition("base64,")[2])
    image = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    height, width = rollouts["height"], rollouts["width"]
    return image.reshape(-1, height, image.shape[1] // width, width, 3).swapaxes(1, 2)


def test_rows_of_the_gallery_are_those_of_the_table(data, tiny):
    table = (tiny.results / "07_metrics/table.md").read_text()
    named = {line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if re.match(r"\| .* ±", line)}
    assert {row["name"] for row in data["rollouts"]["rows"]} == named
    assert len(data["scores"]) > 5
    groups = {title.partition(": ")[0] for title in data["trainings"]}
    assert groups == {"midway", "decoder", "predictors", "features of the world"}


def test_its_pictures_are_the_frames_of_the_stores(data, tiny):
    """Each window is found by its name, so a picture of another window or row would show."""
    rollouts = data["rollouts"]
    stores = {
        "truth": read_rollouts(*(tiny.results / f"06_rollouts/truth{end}" for end in (".zarr", ".manifest.json"))),
        "gmm": read_rollouts(
            *(tiny.results / f"06_rollouts/gmm/seed0/gmm{end}" for end in (".zarr", ".manifest.json"))
        ),
    }
    names = [(row["name"], row["sample"]) for row in rollouts["rows"]]
    for window in rollouts["windows"]:
        index = [f"{w.clip_id}, from frame {w.start}" for w in stores["truth"].windows].index(window["name"])
        shown = strips(rollouts, window)[:, : rollouts["steps"]].astype(float)
        for strip, frames in (
            (1, stores["truth"].frames[index, 0]),
            (2 + names.index(("gmm", 1)), stores["gmm"].frames[index, 1]),
        ):
            errors = [np.abs(shown[strip] - other).mean() for other in (frames, *stores["truth"].frames[:, 0])]
            assert errors[0] == min(errors) < 12


def test_its_numbers_are_the_scores(data, values):
    rollouts = data["rollouts"]
    window = rollouts["windows"][-1]
    clip, start = re.fullmatch(r"(.*), from frame (\d+)", window["name"]).groups()
    found = values[(values["clip"] == clip) & (values["window_start"] == int(start)) & (values["metric"] == "psnr")]
    for row, shown in zip(rollouts["rows"], window["psnr"], strict=True):
        name = row["name"] if row["learned"] else row["name"].replace(" ", "_")
        of_row = found[(found["sampler" if row["learned"] else "method"] == name) & (found["sample"] == row["sample"])]
        assert shown == pytest.approx(of_row.sort_values("step")["value"].tolist(), abs=0.051)


def test_best_and_worst_windows_are_those_of_the_scores(data, values):
    energy = values[(values["sampler"] == "gmm") & (values["metric"] == "energy_score")]
    means = energy.groupby(["clip", "window_start"])["value"].mean()
    notes = {note: window["name"] for window in data["rollouts"]["windows"] for note in window["note"].split("; ")}
    for words, (clip, start) in (("best", means.idxmin()), ("worst", means.idxmax())):
        assert notes[f"{words} of gmm by energy"] == f"{clip}, from frame {start:.0f}"


def test_no_text_of_a_run_becomes_markup():
    assert "<script" not in as_html("| a |\n|---|\n| <script>alert(1)</script> |\n\n<script>alert(2)</script>")
    assert json.loads(_json({"name": "</script><!--&"})) == {"name": "</script><!--&"}
    assert "<" not in _json({"name": "</script><!--&"})


def test_a_run_without_some_trainings_has_a_page_without_them(tiny, tmp_path):
    """One that began with trained weights has an empty log of the pre-training; an imported network has no log."""
    run, output = tmp_path / "run", tmp_path / "report.html"
    shutil.copytree(tiny.results, run, symlinks=True)
    TrainingLog().write(run / "02_midway/pretraining.parquet")
    (run / "02_midway/log.parquet").unlink()
    assert lamo_report(run, "-o", output) == 0
    assert "midway: " not in output.read_text(encoding="utf-8")


def test_what_cannot_be_shown_is_named_and_nothing_is_written(tiny, tmp_path, capsys):
    run, output = tmp_path / "run", tmp_path / "report.html"
    shutil.copytree(tiny.results, run, symlinks=True)
    for arguments, words in (
        ((run, "--windows", 0), "--windows: found 0"),
        ((run, "-o", tmp_path / "nowhere" / "a.html"), "expected a file in a folder that is there"),
        ((tmp_path / "nothing",), "no such folder"),
    ):
        assert lamo_report(*arguments) == 2
        assert words in capsys.readouterr().err
    rollouts = run / "06_rollouts"
    shutil.rmtree(rollouts / "gmm/seed0/gmm.zarr")
    shutil.copytree(rollouts / "gmm/seed0/gmm.single.zarr", rollouts / "gmm/seed0/gmm.zarr")
    shutil.copyfile(rollouts / "gmm/seed0/gmm.single.manifest.json", rollouts / "gmm/seed0/gmm.manifest.json")
    assert lamo_report(run, "-o", output) == 2
    assert "gmm.zarr: found other windows than in truth.zarr" in capsys.readouterr().err
    (rollouts / "truth.manifest.json").unlink()
    assert lamo_report(run, "-o", output) == 2
    assert "truth" in capsys.readouterr().err
    (run / "07_metrics/table.md").unlink()
    assert lamo_report(run, "-o", output) == 2
    assert "table.md, expected a finished run; run it to its end" in capsys.readouterr().err
    assert not output.exists()
    assert not (run / "report.html").exists()


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium."""
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("no chromium and chromedriver (Debian: chromium, chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs[1]))
    driver.set_script_timeout(120)
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, page):
    """The page in the browser, its first picture drawn; at the end no error may stand in the console."""
    browser.get(page.as_uri())
    wait_until(browser, "return picture.complete && picture.naturalWidth > 0")
    yield browser
    assert browser.get_log("browser") == []


def wait_until(browser, code: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 60).until(lambda driver: driver.execute_script(code))


def pixels(browser, tile: int) -> list[int]:
    return browser.execute_script("return [...tiles[arguments[0]].pen.getImageData(0, 0, width, height).data]", tile)


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_off_the_page(opened, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    opened.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert opened.execute_script("return document.documentElement.scrollWidth <= innerWidth && innerWidth") == width


def test_it_asks_nobody_for_anything(opened):
    names = opened.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in names if not name.startswith("data:")] == []


def test_the_slider_and_the_button_move_the_frames(opened):
    last = pixels(opened, 0)
    opened.execute_script("slider.value = 1; slider.dispatchEvent(new Event('input'))")
    assert opened.find_element("id", "time").text == "+0.2 s"
    assert pixels(opened, 0) != last
    opened.find_element("id", "play").click()
    wait_until(opened, "return slider.value !== '1'")
    assert opened.find_element("id", "play").text == "stop"
    opened.find_element("id", "play").click()
    assert opened.find_element("id", "play").text == "play"


def test_errors_are_differences_from_the_truth(opened, data):
    row = next(i for i, one in enumerate(data["rollouts"]["rows"]) if one["name"] == "persistence pixels")
    shown = {"truth": pixels(opened, 0), "row": pixels(opened, 1 + row)}
    opened.find_element("id", "errors").click()
    colours = (np.reshape(values, (-1, 4))[:, :3].astype(int) for values in (*shown.values(), pixels(opened, 1 + row)))
    truth, found, errors = colours
    assert np.array_equal(errors, np.abs(found - truth))
    assert errors.max() > 10


def test_windows_samples_and_controls_can_be_chosen(opened, data):
    first = pixels(opened, 0)
    select(opened, "window", len(data["rollouts"]["windows"]) - 1)
    wait_until(opened, "return picture.complete && picture.src === rollouts.windows.at(-1).picture")
    assert pixels(opened, 0) != first
    visible = "return tiles.filter((tile) => !tile.figure.hidden).map((tile) => tile.figure.innerText)"
    before = opened.execute_script(visible)
    select(opened, "samples", 1)
    opened.find_element("id", "controls").click()
    after = opened.execute_script(visible)
    learned = [row for row in data["rollouts"]["rows"] if row["learned"]]
    assert len(before) > len(after) == 1 + len({row["name"] for row in learned})


def test_a_click_sorts_the_rows(opened):
    table = "#horizons .scroll:not([hidden]) "
    rows = f"[...document.querySelectorAll('{table}tbody tr')]"
    column = f"return {rows}.map((row) => parseFloat(row.cells[1].innerText))"
    title = opened.find_elements("css selector", f"{table}thead button")[1]
    title.click()
    down = opened.execute_script(column)
    assert down == sorted(down, reverse=True)
    title.click()
    assert opened.execute_script(column) == sorted(down)
    names = f"return {rows}.map((row) => row.cells[0].innerText)"
    opened.find_elements("css selector", f"{table}thead button")[0].click()
    assert opened.execute_script(names) == sorted(opened.execute_script(names))
    amounts = opened.execute_script("return ['4.15 M', '982 k', '1,200', '12.3 ±0.4', '-3', 'n/a'].map(amount)")
    assert amounts == [4.15e6, 982e3, 1200, 12.3, -3, None]


def test_curves_can_be_chosen_and_switched_off(opened, data):
    chart = "document.getElementById('score-chart')"
    assert opened.execute_script(f"return {chart}.data.filter((one) => one.name).length") > 5
    select(opened, "score", "SSIM, higher is better")
    assert opened.execute_script(f"return {chart}.layout.yaxis.title.text") == "SSIM"
    shown = f"return {chart}.data.filter((one) => one.legendgroup === 'gmm').map((one) => one.visible)"
    assert opened.execute_script(shown) == [True, True]
    opened.execute_script(
        f"const entry = [...{chart}.querySelectorAll('.legendtoggle')][{chart}.calcdata ? "
        f"[...{chart}.querySelectorAll('.legendtext')].findIndex((one) => one.textContent === 'gmm') : 0];"
        "for (const kind of ['mousedown', 'mouseup']) entry.dispatchEvent(new MouseEvent(kind, {bubbles: true}));"
    )
    wait_until(opened, f"return {chart}.data.filter((one) => one.legendgroup === 'gmm')[0].visible === 'legendonly'")
    assert opened.execute_script(shown) == ["legendonly", "legendonly"]


def select(browser, name: str, value: object) -> None:
    """Choose as a person does: by the value of an entry, with the event that follows."""
    browser.execute_script(
        "const one = document.getElementById(arguments[0]); one.value = arguments[1];"
        "one.dispatchEvent(new Event('change'))", name, str(value),
    )  # fmt: skip
