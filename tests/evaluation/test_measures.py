from collections import Counter

from nnunetv2_muduo.evaluation.measures import MEASURES, VOLUMES, compared_measures, measures_in, published_measures
from nnunetv2_muduo.evaluation.metrics import Tolerances


def names(measures):
    return [measure.name for measure in measures]


def test_every_measure_has_a_name_of_its_own():
    assert Counter(names(MEASURES)).most_common(1)[0][1] == 1


def test_what_is_compared_and_what_is_published():
    assert names(compared_measures()) == ["dice", "nsd_mm", "assd_mm", "hd95_mm"]
    assert names(published_measures()) == ["dice", "ravd", "asd_voxel", "hd95_voxel"]


def test_headings_say_tolerance_and_unit():
    tolerances = Tolerances(mm=2.5, voxel=1)
    columns = {measure.name: measure.column_with(tolerances) for measure in MEASURES}
    assert columns["dice"] == "Dice (%)"
    assert columns["nsd_mm"] == "NSD 2.5 mm (%)"
    assert columns["nsd_voxel"] == "NSD 1 voxel (%)"
    assert columns["suv_max_truth"] == "SUVmax, truth"


def test_of_volumes_and_uptake_truth_and_prediction_alternate():
    sides = ["truth" if "truth" in name else "prediction" for name in names(measures_in(VOLUMES))]
    assert sides == ["truth", "prediction"] * 4
