"""The report in a real browser: Debian's chromium and chromium-driver, driven by selenium."""

from itertools import combinations

import numpy as np
import pytest
from fixtures.browser import resize, screenshot

from nnunetv2_muduo.cli import main

COLORS_OF_TEXT = """
  const background = (element) => getComputedStyle(element).backgroundColor;
  return [...document.querySelectorAll("h1, h2, p, dt, dd, th, td, figcaption, li, summary, output")].map((element) => {
    let behind = element;
    while (behind.parentElement && background(behind) === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
    return [element.textContent, getComputedStyle(element).color, background(behind)];
  });"""  # of every text, and the first opaque background behind it
pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser, made_up_training):
    """The browser with a report open, as wide as a desktop's window."""
    dice = made_up_training.rng.uniform(0.5, 0.95, (4, 11))
    dice[:, 0] = [np.nan, 0.9, 0.7, 0.8]
    made_up_training.write_validation(dice)
    made_up_training.change_progress(agreement_aorta=0.02)
    assert main(["report", str(made_up_training.fold)]) == 0
    resize(browser, 1200, 900)
    browser.get((made_up_training.fold / "muduo_report.html").as_uri())
    return browser


def set_dark(browser, dark: bool) -> None:
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def column(browser, index: int) -> list[str]:
    """Text of a column of the validation table."""
    script = (
        "return [...document.querySelector('table').tBodies[0].rows].map(row => row.cells[arguments[0]].textContent)"
    )
    return browser.execute_script(script, index)


def click_header(browser, index: int) -> str:
    """Click a header of the validation table; returns how it says that it sorts."""
    header = browser.find_elements("css selector", "table th")[index]
    header.find_element("css selector", "button").click()
    return header.get_attribute("aria-sort")


def test_the_table_sorts_by_the_column_that_is_clicked(page):
    assert click_header(page, 2) == "ascending"
    assert column(page, 2) == ["0.700", "0.800", "0.900", "–"]
    assert click_header(page, 2) == "descending"
    assert column(page, 2) == ["0.900", "0.800", "0.700", "–"]
    assert column(page, 0) == [f"psma_{i}_study" for i in (1, 3, 2, 0)]
    assert click_header(page, 0) == "ascending"
    assert column(page, 0) == [f"psma_{i}_study" for i in range(4)]
    assert len(page.find_elements("css selector", "th[aria-sort]")) == 1


def test_the_slider_shows_the_panel_of_its_epoch(page):
    slider, panel = page.find_element("id", "epoch"), page.find_element("id", "panel")
    page.execute_script("arguments[0].scrollIntoView()", slider)
    assert page.find_element("id", "shown").text == "epoch 59"
    reds = []
    for epoch in (59, 40, 20, 0):
        assert page.find_element("id", "shown").text == f"epoch {epoch}"
        box = panel.rect
        top = page.execute_script("return window.scrollY")
        reds.append(int(screenshot(page)[int(box["y"] - top + 50), int(box["x"] + 50), 0]))
        slider.send_keys("\ue012")  # arrow to the left
    assert reds == pytest.approx([220, 160, 100, 40], abs=4)


@pytest.mark.parametrize(("width", "height"), [(1200, 900), (390, 844)])
@pytest.mark.parametrize("dark", [False, True])
def test_it_can_be_read_at_every_width_by_day_and_night(page, width, height, dark):
    set_dark(page, dark)
    resize(page, width, height)
    assert page.execute_script("return document.documentElement.scrollWidth") == width  # nothing to push sideways
    picture = screenshot(page)
    assert picture.shape == (height, width, 3)
    assert (np.median(picture) < 60) == dark
    for text, *colors in page.execute_script(COLORS_OF_TEXT):
        dark_one, bright_one = sorted(map(luminance, colors))
        assert (bright_one + 0.05) / (dark_one + 0.05) > 4.5, (text, colors)  # the contrast that WCAG 2 asks for


def luminance(css_color: str) -> float:
    rgb = np.array([float(part) for part in css_color[css_color.index("(") + 1 : -1].split(",")[:3]]) / 255
    linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_it_asks_nobody_for_anything(page):
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []
    requests = [entry["message"] for entry in page.get_log("performance") if "requestWillBeSent" in entry["message"]]
    assert requests
    assert not [message for message in requests if '"url":"http' in message]


TEXTS_OF_CHARTS = """
  return [...document.querySelectorAll(".chart")].map((chart) => [...chart.querySelectorAll(
      "figcaption, text, .plot span, li")].filter((element) => element.textContent.trim()).map((element) => {
    const box = element.getBoundingClientRect(), around = chart.getBoundingClientRect();
    return [element.textContent, parseFloat(getComputedStyle(element).fontSize),
            box.left - around.left, box.top - around.top, box.right - around.left, box.bottom - around.top, around.width];
  }));"""  # text, size in px, its place in the chart, and the chart's width


@pytest.mark.parametrize("width", [1280, 1200, 700, 420, 320])
def test_charts_can_be_read_at_every_width(page, width):
    resize(page, width, 900)
    charts = page.execute_script(TEXTS_OF_CHARTS)
    assert len(charts) == 6
    for texts in charts:
        assert min(size for _, size, *_ in texts) >= 12, texts
        assert {"epoch"} < {text for text, *_ in texts}
        for text, _, left, _, right, _, chart_width in texts:
            assert left >= -6, text
            assert right <= chart_width + 6, text
        for (one, _, *a, _), (other, _, *b, _) in combinations(texts, 2):
            common = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            assert min(common) < 1, (one, other)
