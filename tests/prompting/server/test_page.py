"""The page in a real browser: a phantom is shown, its liver clicked, the mask seen, undone and saved."""

import json
import time

import numpy as np
import pytest
import SimpleITK as sitk
from fixtures.browser import resize, screenshot

from nnunetv2_muduo import PromptSession
from nnunetv2_muduo.prompting.server.workplace import Workplace

WIDTH, HEIGHT = 1280, 800
SHIFT, CONTROL = 8, 2
GREEN = np.array((0x35, 0xD0, 0x9B))
PLACE = """
  const view = muduo.views.find((view) => view.figure.id === arguments[0]), box = view.canvas.getBoundingClientRect();
  const [x, y] = view.toScreen(muduo.scene.toIndex(arguments[1]));
  return [box.left + x, box.top + y];"""  # of a place in mm on the screen
pytestmark = pytest.mark.slow


class Page:
    """The page as a user has it."""

    def __init__(self, browser, client):
        self.browser, self.client = browser, client

    def open(self):
        resize(self.browser, WIDTH, HEIGHT)
        self.browser.get(self.client.server.url)
        self.until("document.body.dataset.ready === 'true'")

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def until(self, condition):
        for _ in range(200):
            if self.run(f"return Boolean({condition})"):
                return
            time.sleep(0.05)
        raise AssertionError(condition)

    def mouse(self, kind, x, y, **more):
        self.browser.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **more})

    def place(self, plane, place_mm):
        return self.run(PLACE, plane, list(place_mm))

    def look_at(self, place_mm):
        self.run("muduo.goTo(muduo.scene.toIndex(arguments[0]).map(Math.round))", list(place_mm))

    def click(self, plane, place_mm, modifiers=0, button="left"):
        x, y = self.place(plane, place_mm)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button=button, clickCount=1, modifiers=modifiers)
        self.until("muduo.waiting.length === 0")

    def drag(self, plane, start_mm, end_mm, modifiers=0):
        (x1, y1), (x2, y2) = self.place(plane, start_mm), self.place(plane, end_mm)
        self.mouse("mousePressed", x1, y1, button="left", clickCount=1, modifiers=modifiers)
        for share in np.linspace(0, 1, 9):
            self.mouse("mouseMoved", x1 + share * (x2 - x1), y1 + share * (y2 - y1), button="left", buttons=1)
        self.mouse("mouseReleased", x2, y2, button="left", clickCount=1, modifiers=modifiers)
        self.until("muduo.waiting.length === 0")

    def press(self, key, modifiers=0, code=0):
        for kind in ("keyDown", "keyUp"):
            event = {
                "type": kind,
                "key": key,
                "modifiers": modifiers,
                "windowsVirtualKeyCode": code or ord(key.upper()),
            }
            self.browser.execute_cdp_cmd("Input.dispatchKeyEvent", event)

    def labels(self):
        """Labels (z, y, x) as the page has them."""
        places = self.run("return [...muduo.scene.labels].flatMap((label, at) => (label ? [at, label] : []))")
        labels = np.zeros(self.run("return [...muduo.scene.size].reverse()"), np.uint8)
        labels.flat[places[::2]] = places[1::2]
        return labels

    def prompts(self):
        answer = self.client.ask("/api/state")[2]["answer"]
        return [(prompt["kind"], prompt["object"], prompt["positive"]) for prompt in answer["prompts"]]

    def picture(self, plane):
        """What is seen of a plane, [height, width, 3]."""
        self.run("muduo.redraw()")
        time.sleep(0.3)
        box = self.run(
            "const b = document.getElementById(arguments[0]).getBoundingClientRect(); return [b.x, b.y, b.right, b.bottom]",
            plane,
        )
        x1, y1, x2, y2 = map(int, box)
        return screenshot(self.browser)[y1:y2, x1:x2]

    def n_green(self, plane):
        """Pixels in the color of the first object's outline."""
        return int((np.abs(self.picture(plane).astype(int) - GREEN).max(-1) < 30).sum())


@pytest.fixture
def page(browser, serving, study):
    """The page with PET and CT of the phantom, asked by the package's own networks."""
    page = Page(browser, serving(Workplace("small_pet", "small_ct"), study / "SUV.nii.gz", study / "CTres.nii.gz"))
    page.open()
    yield page
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


@pytest.fixture
def simple_page(browser, client):
    """The page with a threshold for a teacher, whose answers are quick and known."""
    page = Page(browser, client)
    page.open()
    return page


@pytest.fixture
def downloads(browser, tmp_path):
    folder = tmp_path / "downloads"
    folder.mkdir()
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})

    def get(name):
        for _ in range(100):
            if (folder / name).exists():
                return folder / name
            time.sleep(0.05)
        raise AssertionError([file.name for file in folder.iterdir()])

    return get


def test_a_click_on_the_liver_gives_its_mask_which_is_undone_and_saved(
    page, study, truth, liver_mm, downloads, tmp_path
):
    page.look_at(liver_mm)
    assert page.n_green("axial") < 20
    page.click("axial", liver_mm)
    liver = sitk.GetArrayFromImage(sitk.DICOMOrient(truth, "LPS")) == 1
    mask = page.labels() == 1
    assert 2 * (mask & liver).sum() / (mask.sum() + liver.sum()) > 0.6
    assert all(page.n_green(plane) > 100 for plane in ("axial", "coronal", "sagittal", "projection"))
    session = PromptSession("small_pet", "small_ct")
    session.set_image(study / "SUV.nii.gz", study / "CTres.nii.gz")
    page.browser.find_element("id", "save-session").click()
    session.load(downloads("SUV_session.json"))
    np.testing.assert_array_equal(session.label_array(), page.labels())
    page.browser.find_element("id", "save-mask").click()
    saved = sitk.ReadImage(str(downloads("SUV_mask.nii.gz")))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(saved), sitk.GetArrayFromImage(session.label_map()))
    page.press("z", CONTROL)
    page.until("muduo.scene.prompts.length === 0")
    assert not page.labels().any()
    assert page.n_green("axial") < 20


def test_the_mouse_asks_what_it_says(simple_page, liver_mm):
    page, x, z = simple_page, np.array((24.0, 0, 0)), np.array((0, 0, 24.0))
    for plane in ("axial", "coronal", "sagittal"):
        page.look_at(liver_mm)
        page.click(plane, liver_mm + {"axial": x, "coronal": z, "sagittal": -z}[plane])
    page.look_at(liver_mm)
    page.click("coronal", liver_mm - x, SHIFT)
    page.look_at(liver_mm)
    page.drag("axial", liver_mm - (0, 8, 0), np.add(liver_mm, (0, 24, 0)))
    page.drag("axial", np.add(liver_mm, (0, 32, 0)), np.add(liver_mm, (0, 48, 0)), SHIFT)
    assert page.prompts() == [("point", 1, True)] * 3 + [
        ("point", 1, False),
        ("scribble", 1, True),
        ("scribble", 1, False),
    ]
    places = [prompt["places_mm"][0] for prompt in page.client.ask("/api/state")[2]["answer"]["prompts"][:4]]
    np.testing.assert_allclose(places, np.add(liver_mm, (x, z, -z, -x)), atol=4)  # half a voxel
    page.click("axial", liver_mm, button="right")
    assert len(page.prompts()) == 6
    page.look_at(np.add(liver_mm, (0, -24, 0)))
    page.press("Enter", code=13)
    page.until("muduo.scene.prompts.length === 7")
    assert page.prompts()[-1] == ("point", 1, True)


def test_objects_have_colors_rows_and_figures(simple_page, liver_mm):
    page = simple_page
    page.look_at(liver_mm)
    page.click("axial", liver_mm)
    page.press("n")
    hottest = page.run("return muduo.scene.toMm(muduo.scene.hottest(99))")
    page.look_at(hottest)
    page.click("coronal", hottest)
    assert page.prompts() == [("point", 1, True), ("point", 2, True)]
    rows = page.run(
        "return [...document.querySelectorAll('#objects tbody tr')].map((row) => [...row.cells].map((c) => c.textContent))"
    )
    figures = page.client.ask("/api/state")[2]["answer"]["figures"]
    keys = ("volume_ml", "suv_max", "suv_mean", "suv_peak", "tlg_suv_ml")
    assert [row[0] for row in rows] == ["1", "2"]
    for row, known in zip(rows, figures, strict=True):
        shown = [float(text) for text in row[1:]]
        assert shown == pytest.approx([known[key] for key in keys], rel=0.01)
    colors = page.run(
        "return [...document.querySelectorAll('.swatch')].map((s) => getComputedStyle(s).backgroundColor)"
    )
    assert colors[0] != colors[1]


def test_values_and_places_stand_under_the_mouse(simple_page, study, liver_mm):
    page = simple_page
    page.look_at(liver_mm)
    page.mouse("mouseMoved", *page.place("axial", liver_mm))
    text = page.run("return document.getElementById('readout').innerText").split()
    assert [float(word) for word in text[3:6]] == pytest.approx(liver_mm, abs=5)
    for name, file in (("SUV", "SUV.nii.gz"), ("HU", "CTres.nii.gz")):
        image = sitk.ReadImage(str(study / file))
        assert float(text[text.index(name) + 1]) == pytest.approx(
            image[image.TransformPhysicalPointToIndex(liver_mm.tolist())], abs=0.6
        )


def test_the_wheel_the_keys_and_the_projection_move_the_planes(simple_page, liver_mm):
    page = simple_page
    page.look_at(liver_mm)
    z = page.run("return muduo.cursor[2]")
    page.mouse("mouseWheel", *page.place("axial", liver_mm), deltaX=0, deltaY=-120)
    page.until(f"muduo.cursor[2] === {z + 1}")
    page.mouse("mouseMoved", *page.place("axial", liver_mm))
    page.press("ArrowDown", code=40)
    page.until(f"muduo.cursor[2] === {z}")
    page.mouse("mouseWheel", *page.place("axial", liver_mm), deltaX=0, deltaY=-400, modifiers=CONTROL)
    page.until("muduo.zoom > 1.5")
    page.press("0")
    page.until("muduo.zoom === 1")
    page.click("projection", np.add(liver_mm, (0, 0, 16)))
    page.until(f"muduo.cursor[2] !== {z}")
    assert page.prompts() == []


def test_right_is_on_the_left_and_the_head_is_up(simple_page, liver_mm):
    """The liver lies on the patient's right: left on the screen, seen from below and from the front."""
    page = simple_page
    middle = page.run("return muduo.scene.size.map((n) => n / 2)")
    for plane in ("axial", "coronal"):
        box = page.run(
            "const b = document.getElementById(arguments[0]).getBoundingClientRect(); return [b.left, b.right]", plane
        )
        assert page.place(plane, liver_mm)[0] < np.mean(box)
    middle_mm = page.run("return muduo.scene.toMm(arguments[0])", middle)
    assert page.place("coronal", np.add(middle_mm, (0, 0, 50)))[1] < page.place("coronal", middle_mm)[1]
    assert page.place("axial", np.add(middle_mm, (0, 50, 0)))[1] > page.place("axial", middle_mm)[1]


def test_it_comes_back_after_a_reload(simple_page, liver_mm):
    page = simple_page
    page.look_at(liver_mm)
    page.click("axial", liver_mm)
    before = page.labels()
    assert "token" not in page.browser.current_url
    page.browser.refresh()
    page.until("document.body && document.body.dataset.ready === 'true'")
    np.testing.assert_array_equal(page.labels(), before)


def test_images_are_opened_from_files_and_wrong_ones_are_refused(browser, empty_client, study, liver_mm, tmp_path):
    page = Page(browser, empty_client)
    page.open()
    (tmp_path / "no.nii.gz").write_bytes(b"no image")
    page.browser.find_element("id", "pet-file").send_keys(str(tmp_path / "no.nii.gz"))
    page.browser.find_element("id", "open-now").click()
    page.until("document.getElementById('open-problem').textContent.includes('no can')")
    page.browser.find_element("id", "pet-file").clear()
    page.browser.find_element("id", "pet-file").send_keys(str(study / "SUV.nii.gz"))
    page.browser.find_element("id", "open-now").click()
    page.until("muduo.scene !== null")
    page.look_at(liver_mm)
    page.click("axial", liver_mm)
    assert page.labels().any()


def test_a_saved_session_is_loaded(simple_page, liver_mm, tmp_path):
    page = simple_page
    page.look_at(liver_mm)
    page.click("axial", liver_mm)
    before, saved = page.labels(), page.client.ask("/api/session")[2]
    (tmp_path / "session.json").write_bytes(saved)
    page.browser.find_element("id", "reset").click()
    page.until("muduo.scene.prompts.length === 0")
    page.browser.find_element("id", "session-file").send_keys(str(tmp_path / "session.json"))
    page.until("muduo.scene.prompts.length === 1")
    np.testing.assert_array_equal(page.labels(), before)


def test_what_was_reset_can_be_brought_back(simple_page, liver_mm):
    page = simple_page
    page.look_at(liver_mm)
    page.click("axial", liver_mm)
    before = page.labels()
    page.browser.find_element("id", "reset").click()
    page.until("muduo.scene.prompts.length === 0 && document.querySelector('#notes button')")
    assert not page.labels().any()
    page.browser.find_element("css selector", "#notes button").click()
    page.until("muduo.scene.prompts.length === 1")
    np.testing.assert_array_equal(page.labels(), before)


def test_the_table_is_copied_for_a_spreadsheet(simple_page, liver_mm):
    page = simple_page
    page.look_at(liver_mm)
    page.click("axial", liver_mm)
    page.run(
        "Object.defineProperty(navigator, 'clipboard', { value: { writeText: (text) => { window.copied = text; } } })"
    )
    page.browser.find_element("id", "copy").click()
    page.until("window.copied")
    head, row = (line.split("\t") for line in page.run("return window.copied").split("\n"))
    assert head == ["Object", "Volume ml", "SUV max", "SUV mean", "SUV peak", "TLG g"]
    assert row[0] == "1"
    assert float(row[1]) > 0


def test_what_is_refused_is_said(simple_page, liver_mm):
    page = simple_page
    page.look_at(liver_mm)
    page.click("axial", liver_mm)
    page.click("axial", liver_mm, SHIFT)
    page.until("document.getElementById('notes').textContent.includes('opposite')")
    assert page.prompts() == [("point", 1, True)]


def test_everything_fits_and_nobody_else_is_asked(simple_page):
    page = simple_page
    assert page.run("return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
        WIDTH,
        HEIGHT,
    ]
    inside = """const elements = [...document.querySelectorAll("header button, aside section, .view")];
      return elements.every((element) => element.getBoundingClientRect().right <= innerWidth);"""
    assert page.run(inside)
    requests = [json.loads(entry["message"])["message"] for entry in page.browser.get_log("performance")]
    urls = [r["params"]["request"]["url"] for r in requests if r["method"] == "Network.requestWillBeSent"]
    on_the_net = [url for url in urls if url.startswith(("http", "ws"))]
    assert len(on_the_net) > 5
    assert [url for url in on_the_net if not url.startswith(page.client.base)] == []
