"""Table of all measures, from which files, tables and comparisons are made: a new one is an entry and its function."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nnunetv2_muduo.evaluation.metrics import (
    DEFAULT_TOLERANCES,
    Spacing,
    Tolerances,
    dice,
    is_alone,
    measure_distances,
    measure_uptake,
    ravd,
    volume_ml,
)

ACCURACY, VOLUMES = "accuracy", "volumes"


@dataclass(frozen=True)
class OrganMasks:
    """One organ of one case: all that a measure can be computed from.

    prediction, truth: boolean, shape (z, y, x).
    spacing_mm: voxel size along (z, y, x).
    pet_suv: PET of the same shape; None where there is none.
    """

    prediction: np.ndarray
    truth: np.ndarray
    spacing_mm: Spacing
    pet_suv: np.ndarray | None = None
    tolerances: Tolerances = DEFAULT_TOLERANCES

    @cached_property
    def distances(self) -> dict[str, float]:
        """See `measure_distances`; computed once for all measures of distance."""
        return measure_distances(self.prediction, self.truth, self.spacing_mm, self.tolerances)

    @cached_property
    def uptake(self) -> dict[str, dict[str, float]]:
        """See `measure_uptake`, of the `truth` and of the `prediction`."""
        sides = {"truth": self.truth, "prediction": self.prediction}
        return {side: measure_uptake(mask, self.pet_suv, self.spacing_mm) for side, mask in sides.items()}


@dataclass(frozen=True)
class Measure:
    """A column of the table that has a row per case and organ.

    name: of the column in files.
    heading: the same for readers; tolerances in braces are filled in.
    unit, factor: shown is the value times `factor`, in `unit`.
    compute: the value of an organ; NaN where it has none.
    table: the readers' table it stands in, ACCURACY or VOLUMES; None: in the files alone.
    compared: methods are tested against each other by it.
    published: its value where neither side has the organ, and where one side alone has it, by the rules of the MuDuo
        paper's code; None: not in the table by these rules.
    needs_pet: left out where there is no PET.
    definition: explained below the table.
    """

    name: str
    heading: str
    unit: str
    factor: float
    compute: Callable[[OrganMasks], float]
    table: str | None = None
    compared: bool = False
    published: tuple[float, float] | None = None
    needs_pet: bool = False
    definition: str = ""

    def heading_with(self, tolerances: Tolerances) -> str:
        """The heading, tolerances filled in, without the unit."""
        return self.heading.format(tolerances=tolerances)

    def column_with(self, tolerances: Tolerances) -> str:
        """The heading with its unit."""
        return self.heading_with(tolerances) + (f" ({self.unit})" if self.unit else "")


def _distance(name: str, heading: str, unit: str, factor: float = 1, **more) -> Measure:
    return Measure(name, heading, unit, factor, lambda organ: organ.distances[name], **more)


def _uptake(name: str, heading: str, unit: str, side: str, statistic: str) -> Measure:
    return Measure(name, heading, unit, 1, lambda organ: organ.uptake[side][statistic], VOLUMES, needs_pet=True)


MEASURES = (
    Measure("dice", "Dice", "%", 100, lambda organ: dice(organ.prediction, organ.truth), ACCURACY, True, (1, 0)),
    _distance("nsd_mm", "NSD {tolerances.mm:g} mm", "%", 100, table=ACCURACY, compared=True,
              definition="share of both surfaces within this distance of the other one"),
    _distance("assd_mm", "ASSD", "mm", table=ACCURACY, compared=True,
              definition="mean surface distance of both directions, pooled"),
    _distance("hd95_mm", "HD95", "mm", table=ACCURACY, compared=True,
              definition="95th percentile of the surface distances of both directions, pooled"),
    _distance("asd_mm", "ASD", "mm", table=ACCURACY,
              definition="mean distance from the predicted surface to the true one"),
    Measure("ravd", "RAVD", "%", 100, lambda organ: ravd(organ.prediction, organ.truth), ACCURACY, published=(0, 1),
            definition="|predicted - true| / true volume"),
    _distance("asd_voxel", "ASD", "voxel", published=(0, 0)),
    _distance("assd_voxel", "ASSD", "voxel"),
    _distance("hd95_voxel", "HD95", "voxel", published=(0, 0)),
    _distance("nsd_voxel", "NSD {tolerances.voxel:g} voxel", "%", 100),
    Measure("missed", "missed", "", 1, lambda organ: is_alone(organ.truth, organ.prediction)),
    Measure("false_positive", "false positive", "", 1, lambda organ: is_alone(organ.prediction, organ.truth)),
    Measure("volume_truth_ml", "volume, truth", "ml", 1,
            lambda organ: volume_ml(organ.truth, organ.spacing_mm), VOLUMES),
    Measure("volume_prediction_ml", "volume, prediction", "ml", 1,
            lambda organ: volume_ml(organ.prediction, organ.spacing_mm), VOLUMES),
    _uptake("suv_mean_truth", "SUVmean, truth", "", "truth", "mean"),
    _uptake("suv_mean_prediction", "SUVmean, prediction", "", "prediction", "mean"),
    _uptake("suv_max_truth", "SUVmax, truth", "", "truth", "max"),
    _uptake("suv_max_prediction", "SUVmax, prediction", "", "prediction", "max"),
    _uptake("uptake_truth_suv_ml", "total uptake, truth", "SUV ml", "truth", "total"),
    _uptake("uptake_prediction_suv_ml", "total uptake, prediction", "SUV ml", "prediction", "total"),
)  # fmt: skip


def measures_in(table: str) -> list[Measure]:
    """Measures of one readers' table, in its order."""
    return [measure for measure in MEASURES if measure.table == table]


def compared_measures() -> list[Measure]:
    """Measures by which methods are compared."""
    return [measure for measure in MEASURES if measure.compared]


def published_measures() -> list[Measure]:
    """Measures that the rules of the MuDuo paper's code know."""
    return [measure for measure in MEASURES if measure.published]
