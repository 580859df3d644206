"""Checks of a raw dataset's images: grids and orientation from all headers, values from some whole files."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from nnunetv2.imageio.base_reader_writer import BaseReaderWriter

from nnunetv2_muduo.check.copies import check_copies
from nnunetv2_muduo.check.findings import Finding, finding, first
from nnunetv2_muduo.check.needs import Needs
from nnunetv2_muduo.check.raw_dataset import RawDataset
from nnunetv2_muduo.conversion.raw_values import cases_in_bqml
from nnunetv2_muduo.conversion.record import RECORD_FILE
from nnunetv2_muduo.data.raw_images import READERS_OF_NIBABEL, read_labeled_ranges
from nnunetv2_muduo.imageio.grid import Grid, is_same_grid
from nnunetv2_muduo.imageio.images import read_image, rounded_labels
from nnunetv2_muduo.imageio.refusal import CaseRefused, refusing_damage
from nnunetv2_muduo.labels import why_no_labels, why_regions
from nnunetv2_muduo.parallel import n_cores

N_READ = 20
"""Cases of a set whose values are read, evenly spaced over it: a fault of every tenth case is among them in 7 of 8 sets."""
_N_THREADS = 4  # each holds a case, up to 1 GB of a whole body
_N_SHOWN = 3


def case_files(dataset: RawDataset) -> Iterator[tuple[str, str, list[Path], Path | None]]:
    """(set, case, image files, label file or None) of every case."""
    for name, cases in dataset.images.items():
        for case, files in cases.items():
            label = dataset.label_file(name, case)
            yield name, case, files, label if label and label.is_file() else None


def check_images(dataset: RawDataset, needs: Needs) -> list[Finding]:
    """Findings on grids, orientation, spacing, values, labels and copies."""
    grids, problems = {}, []
    for _, case, files, label in case_files(dataset):
        try:
            grids[case] = dataset.read_grid(files[0])
            others = [path for path in (*files[1:], label) if path is not None]
            problems += [str(path) for path in others if not is_same_grid(dataset.read_grid(path), grids[case])]
        except CaseRefused as error:
            problems.append(str(error))
    problem = f"{len(problems)} files not on the grid of their case: {first(problems)}" if problems else ""
    lists = [finding("grids", f"{len(grids)} cases, images and labels alike" if not problem else "", problem=problem)]
    values = [check_units(dataset, needs), check_labels(dataset), check_copies(dataset)]
    return [*lists, *check_orientation(grids), *values]


def check_orientation(grids: dict[str, Grid]) -> list[Finding]:
    """nnU-Net takes images as they are stored: all should be stored alike."""
    orientations = Counter(grid.orientation for grid in grids.values())
    spacings = Counter(" x ".join(f"{mm:.3g}" for mm in grid.spacing_mm) for grid in grids.values())
    several = "stored in several orientations, which nnU-Net doesn't look at" if len(orientations) > 1 else ""
    return [
        finding("orientation", _counted(orientations), warning=several),
        finding("spacing in mm", _counted(spacings)),
    ]


def _counted(counter: Counter) -> str:
    shown = ", ".join(f"{key} ({n})" for key, n in counter.most_common(3))
    return shown + (f" and {len(counter) - 3} more" if len(counter) > 3 else "")


def check_units(dataset: RawDataset, needs: Needs) -> Finding:
    """CT must be in HU and PET in SUV; looked at in a sample of every set, and how many were read is said."""
    names = ("CT", "PET") if needs.ct_and_pet else dataset.channels  # wrong names are another finding
    samples = {name: evenly_spaced(list(cases.values()), N_READ) for name, cases in dataset.images.items()}
    read = partial(_ranges_or_reason, reader=dataset.reader, names=names)
    with ThreadPoolExecutor(min(_N_THREADS, n_cores())) as pool:  # unpacking does not hold Python's lock
        outcomes = list(pool.map(read, [files for sample in samples.values() for files in sample]))
    problems = [outcome for outcome in outcomes if isinstance(outcome, str)]
    by_channel = zip(names, zip(*(one for one in outcomes if not isinstance(one, str)), strict=False), strict=False)
    found = ", ".join(
        f"{name} {min(low for low, _ in pairs):.4g} to {max(high for _, high in pairs):.4g}"
        for name, pairs in by_channel
    )
    n_read = ", ".join(
        f"{len(sample)} of {len(dataset.images[name])} {name}" for name, sample in samples.items() if sample
    )
    in_bqml = cases_in_bqml(dataset.folder)
    warning = f"PET in Bq/ml, as {RECORD_FILE} says: {first(in_bqml)}" if in_bqml else ""
    return finding("values", f"{found} (cases read: {n_read})", problem=_listed(problems), warning=warning)


def evenly_spaced(items: list, n: int) -> list:
    """At most n items, from the first to the last at even distances; all where there are no more."""
    return items if len(items) <= n else [items[round(i)] for i in np.linspace(0, len(items) - 1, n)]


def _ranges_or_reason(files: list[Path], reader: type, names: Sequence[str]) -> list[tuple[float, float]] | str:
    try:
        return read_labeled_ranges(files, reader, names)
    except ValueError as error:
        return str(error)


def _listed(problems: list[str]) -> str:
    more = f"; and {len(problems) - _N_SHOWN} more" if len(problems) > _N_SHOWN else ""
    return "; ".join(problems[:_N_SHOWN]) + more


def check_labels(dataset: RawDataset) -> Finding:
    """Label maps may hold only what dataset.json names; looked at in all of them."""
    names = dataset.json["labels"]
    if reason := why_regions(names):
        return finding("labels", f"{len(names)} names", problem=reason)
    known = {value for value in names.values() if isinstance(value, int)}
    foreign, seen = {}, Counter()
    for _, case, _, label in case_files(dataset):
        if label is None:
            continue
        try:
            values = _label_values(label, dataset.reader)
        except CaseRefused as error:
            return finding("labels", "", problem=str(error))
        seen.update(values)
        if not set(values) <= known:
            foreign[f"{case} {sorted(set(values) - known)}"] = label
    absent = [name for name, value in names.items() if value not in seen]
    problem = f"values that dataset.json doesn't name: {first(foreign)}" if foreign else why_no_labels(names) or ""
    return finding(
        "labels", f"{len(names)} names", problem=problem, warning=f"never there: {first(absent)}" if absent else ""
    )


def _label_values(path: Path, reader: type[BaseReaderWriter]) -> list[int]:
    """Values of a label map. Raises CaseRefused where they aren't whole numbers, or nnU-Net would take them for others."""
    if issubclass(reader, READERS_OF_NIBABEL):
        with refusing_damage(str(path)):
            stored = np.unique(reader().read_seg(str(path))[0])
    else:
        stored = np.unique(sitk.GetArrayFromImage(read_image(path)))
    values = rounded_labels(stored, path)
    if (cut_off := stored[np.trunc(stored) != values]).size:
        raise CaseRefused(
            f"{path} holds {cut_off[0]:.9g}, which nnU-Net cuts off to {np.trunc(cut_off[0]):g}. Save it in whole numbers."
        )
    return np.unique(values).tolist()
