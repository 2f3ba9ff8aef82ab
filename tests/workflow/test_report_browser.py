"""The page that `lamo report` writes, in a browser: it fits, plays, sorts and asks nobody for anything."""

import shutil

import numpy as np
import pytest

WIDTHS = (390, 1440)


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
def opened(browser, report_page):
    """The page in the browser, its first picture drawn; at the end no error may stand in the console."""
    browser.get(report_page.as_uri())
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
    # Charts follow a new width a moment later.
    wait_until(opened, f"return innerWidth === {width} && document.documentElement.scrollWidth <= innerWidth")


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


def test_errors_are_differences_from_the_truth(opened, report_data):
    row = next(i for i, one in enumerate(report_data["rollouts"]["rows"]) if one["name"] == "persistence pixels")
    shown = {"truth": pixels(opened, 0), "row": pixels(opened, 1 + row)}
    opened.find_element("id", "errors").click()
    colours = (np.reshape(values, (-1, 4))[:, :3].astype(int) for values in (*shown.values(), pixels(opened, 1 + row)))
    truth, found, errors = colours
    assert np.array_equal(errors, np.abs(found - truth))
    assert errors.max() > 10


def test_windows_samples_and_controls_can_be_chosen(opened, report_data):
    first = pixels(opened, 0)
    select(opened, "window", len(report_data["rollouts"]["windows"]) - 1)
    wait_until(opened, "return picture.complete && picture.src === rollouts.windows.at(-1).picture")
    assert pixels(opened, 0) != first
    visible = "return tiles.filter((tile) => !tile.figure.hidden).map((tile) => tile.figure.innerText)"
    before = opened.execute_script(visible)
    select(opened, "samples", 1)
    opened.find_element("id", "controls").click()
    after = opened.execute_script(visible)
    learned = [row for row in report_data["rollouts"]["rows"] if row["learned"]]
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
    assert amounts[:-1] == pytest.approx([4.15e6, 982e3, 1200, 12.3, -3])
    assert amounts[-1] is None


def test_curves_can_be_chosen_and_switched_off(opened, report_data):
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
