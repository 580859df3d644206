"""Slicer's markups as its schema and its own writer have them: LPS and RAS, undefined points, ROIs, curves, .fcsv."""

import json

import numpy as np
import pytest

from nnunetv2_muduo.prompting.prompt_files.reader import read_prompts
from nnunetv2_muduo.prompting.space import ImageSpace

PLACES = {"LPS": [40.0, 10.0, 240.0], "RAS": [-40.0, -10.0, 240.0]}
TURN = {"LPS": [0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1], "RAS": [-0.8, 0.6, 0, -0.6, -0.8, 0, 0, 0, 1]}


def control(label, position, **more):
    return {"id": "1", "label": label, "description": "", "position": position, "positionStatus": "defined", **more}


def markup(kind="Fiducial", **more):
    return {"type": kind, "coordinateUnits": "mm", "locked": False, "labelFormat": "%N-%d", **more}


def written(folder, *markups, name="F.mrk.json"):
    file = folder / name
    schema = "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#"
    file.write_text(json.dumps({"@schema": schema, "markups": list(markups)}))
    return file


def read(pet, *arguments, **more):
    return read_prompts(written(*arguments, **more), ImageSpace.of(pet))


@pytest.mark.parametrize("system", ["LPS", "RAS"])
def test_points_are_in_mm_and_undefined_ones_are_none(pet, tmp_path, system):
    points = [
        control("F-1", PLACES[system]),
        control("F-2", [0, 0, 0], positionStatus="undefined"),
        control("F-3", [0, 0, 0], positionStatus="preview"),
        control("neg-1", PLACES[system]),
        control("F-4", PLACES[system], description="Background of it"),
        {"label": "short", "position": PLACES[system]},
    ]
    prompts = read(pet, tmp_path, markup(coordinateSystem=system, controlPoints=points))
    np.testing.assert_array_equal(np.concatenate([one.places_mm for one in prompts]), [PLACES["LPS"]] * 4)
    assert [one.positive for one in prompts] == [True, False, False, True]
    assert prompts[1].source.endswith("F.mrk.json: markups[0].controlPoints[3]")


def test_lps_is_what_no_system_means(pet, tmp_path):
    (prompt,) = read(pet, tmp_path, markup(controlPoints=[control("F-1", PLACES["LPS"])]))
    np.testing.assert_array_equal(prompt.places_mm, [PLACES["LPS"]])


@pytest.mark.parametrize("system", ["LPS", "RAS"])
def test_an_roi_is_the_box_around_its_corners(pet, tmp_path, system):
    roi = {"center": PLACES[system], "orientation": TURN[system], "size": [20.0, 10.0, 30.0], "roiType": "Box"}
    (prompt,) = read(pet, tmp_path, markup("ROI", coordinateSystem=system, **roi))
    assert (prompt.kind, prompt.positive, len(prompt.places_mm)) == ("box", True, 8)
    half = np.array([0.8 * 10 + 0.6 * 5, 0.6 * 10 + 0.8 * 5, 15])  # of a box turned by 37 degrees
    np.testing.assert_allclose(prompt.places_mm.max(0), PLACES["LPS"] + half)
    np.testing.assert_allclose(prompt.places_mm.min(0), PLACES["LPS"] - half)


@pytest.mark.parametrize(
    "more", [{"insideOut": True}, {"name": "bg_ROI"}, {"controlPoints": [control("neg", [0, 0, 0])]}], ids=str
)
def test_an_roi_can_be_negative(pet, tmp_path, more):
    roi = {"center": PLACES["LPS"], "size": [20.0, 10.0, 30.0], "coordinateUnits": ["mm", "UCUM", "millimeter"]}
    (prompt,) = read(pet, tmp_path, {**markup("ROI", **more), **roi})
    assert not prompt.positive
    np.testing.assert_allclose(np.ptp(prompt.places_mm, axis=0), roi["size"])


@pytest.mark.parametrize(("kind", "n_sides"), [("Line", 1), ("Curve", 2), ("ClosedCurve", 3)])
def test_lines_and_curves_are_scribbles(pet, tmp_path, kind, n_sides):
    corners = np.array([(0, 0, 200), (30, 0, 200), (0, 40, 200)])[: 2 if kind == "Line" else 3]
    (prompt,) = read(pet, tmp_path, markup(kind, controlPoints=[control("C", c.tolist()) for c in corners]))
    assert prompt.kind == "scribble"
    steps_mm = np.linalg.norm(np.diff(prompt.places_mm, axis=0), axis=1)
    assert steps_mm.max() <= 2.5 + 1e-9  # half of the smallest voxel
    assert steps_mm.sum() == pytest.approx([30, 80, 120][n_sides - 1])


def test_fcsv_of_both_systems_and_several_versions(pet, tmp_path):
    columns = "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"
    row = "vtkMRMLMarkupsFiducialNode_{},{},{},{},0,0,0,1,1,1,0,{},{},"
    for name, system in {"0": "RAS", "RAS": "RAS", "1": "LPS", "LPS": "LPS"}.items():
        rows = [
            row.format(i, *PLACES[system], *texts)
            for i, texts in enumerate([("F-1", ""), ("-1", ""), ("F-3", '"bg, here"')])
        ]
        file = tmp_path / f"{name}.fcsv"
        head = f"# Markups fiducial file version = 4.11\n# CoordinateSystem = {name}\n{columns}\n"
        file.write_text(head + "\n".join(f"{one}2,0" * (name == "LPS") or one for one in rows) + "\n")
        prompts = read_prompts(file, ImageSpace.of(pet))
        np.testing.assert_array_equal(np.concatenate([one.places_mm for one in prompts]), [PLACES["LPS"]] * 3)
        assert [one.positive for one in prompts] == [True, False, False]
        assert prompts[2].source.endswith("line 6")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# CoordinateSystem = IJK\n1,1,1,1\n", "CoordinateSystem must be.*'IJK'"),
        ("# CoordinateSystem = LPS\n1,1,1,1\n1,x,1,1\n", "line 3: a coordinate.*'x'"),
        ("# CoordinateSystem = LPS\n1,1,1\n", "line 2: a coordinate must be a number"),
        pytest.param("# CoordinateSystem = LPS\n" + "1" * 200_000, "line 2 is no line of a table", id="long"),
        ("# CoordinateSystem = LPS\n1,nan,1,1\n", "line 2.*finite"),
        ("# CoordinateSystem = LPS\n1,1e99,1,1\n", "line 2.*at most"),
    ],
)
def test_wrong_fcsv_files_are_named_with_the_line(pet, tmp_path, text, message):
    (tmp_path / "F.fcsv").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_prompts(tmp_path / "F.fcsv", ImageSpace.of(pet))
    assert "F.fcsv" in str(error.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (markup(), r"has no markups\[0\].controlPoints"),
        (markup(controlPoints=[{"label": "F"}]), r"has no markups\[0\].controlPoints\[0\].position"),
        (markup(controlPoints=[3]), r"markups\[0\].controlPoints\[0\] is no object"),
        (markup(controlPoints=[control("F", [1, 2])]), r"controlPoints\[0\].position.*three coordinates"),
        (markup(coordinateSystem="IJK", controlPoints=[]), r"coordinateSystem must be LPS or RAS, found 'IJK'"),
        (markup(coordinateSystem=["LPS"], controlPoints=[]), r"coordinateSystem must be LPS or RAS"),
        (markup("Angle", controlPoints=[]), r"markups\[0\].type is 'Angle'"),
        (markup("ROI", center=[0, 0, 0]), r"has no markups\[0\].size"),
        (markup("ROI", center=[0, 0], size=[1, 1, 1]), r"center must have 3 numbers, found 2"),
        (markup("ROI", center=[0, 0, 1e99], size=[1, 1, 1]), r"center.*at most"),
        (markup("Curve", controlPoints=[control("C", [0, 0, 9999])]), r"markups\[0\].*outside the image"),
        (markup("Line", controlPoints=[control("C", [0, 0, 200])] * 1001), "more than 1000 points"),
        ({**markup(controlPoints=[]), "coordinateUnits": "um"}, "coordinateUnits must be mm"),
        (7, r"has no markups\[0\].type"),
    ],
)
def test_wrong_markups_are_named_with_the_key(pet, tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message) as error:
        read(pet, tmp_path, wrong)
    assert "F.mrk.json" in str(error.value)
