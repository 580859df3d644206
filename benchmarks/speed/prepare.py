"""Cost of preparing unlabeled cases, against nnU-Net's own preprocessing of the same cases.

    python -m benchmarks.speed.prepare --device cpu --json OUT.json

Two whole-body phantom studies, one on the plan's grid and one that is resampled to it, each with a label map. nnU-Net
makes of a study what it trains on: image, label map, places of organs. We make of it what MuDuo trains on: CT in HU and
PET in SUV, a prompt map (the label map stands for the generator's answer), places of organs. Both work in this process, in
turns. The prompt generator's network has no counterpart; one of its tiles is timed by itself.
"""

import statistics
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from acvl_utils.cropping_and_padding.bounding_boxes import crop_and_pad_nd
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from benchmarks.speed import measure
from benchmarks.speed.nnunet_plans import ARCHITECTURE, DATASET_JSON, plans
from benchmarks.speed.phantom_patches import ORGANS, PATCH_SIZE
from benchmarks.speed.phantom_studies import Study, intensities_of_organs, write_study
from nnunetv2_muduo.data.prompt_map_writing import write_prompt_map
from nnunetv2_muduo.data.unlabeled import preprocess_case
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset
from nnunetv2_muduo.data.views import N_CHANNELS

N_REPEATS = 3
N_PATCHES = 10
PLAN_SPACING_MM = 2.5
SPACINGS_MM = {"on_grid": PLAN_SPACING_MM, "resampled": 3.0}


def main() -> None:
    args = measure.parse_arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        studies = [write_study(name, spacing_mm, Path(folder)) for name, spacing_mm in SPACINGS_MM.items()]
        plan = plans(PLAN_SPACING_MM, intensities_of_organs(studies[0]))
        per_study = {study.name: compare(study, plan) for study in studies}
    ours_bytes, nnunet_bytes = (
        sum(study[f"{who}_bytes"] for study in per_study.values()) for who in ("ours", "nnunet")
    )
    figures = {
        "machine": measure.machine(args.device),
        "time_ratio_to_nnunet": measure.median_ratio(total(per_study, "ours_s"), total(per_study, "nnunet_s")),
        "bytes_ratio_to_nnunet": ours_bytes / nnunet_bytes,
        "studies": per_study,
        "generator_tile_s": generator_tile_s(args.device),
        "load_average_at_end": measure.load_average(),
    }
    measure.report(args, figures, rows_of(figures))


def compare(study: Study, plan: dict) -> dict:
    """Time, bytes, equality of the student's view, and time to read a patch."""
    nnunet = partial(preprocess_as_nnunet, study, PlansManager(plan))
    nnunet()
    datasets = {
        "nnunet": nnUNetDatasetBlosc2(str(study.theirs), ["case"]),
        "ours": UnlabeledDataset(study.ours, study.ours / "prompt_maps", ["case"]),
    }
    organ_map = datasets["nnunet"].load_case("case")[1][:].astype(np.uint8)
    ours = partial(preprocess_as_ours, study, plan, organ_map)
    ours()
    times, _ = measure.side_by_side({"nnunet": nnunet, "ours": ours}, N_REPEATS, torch.device("cpu"))
    return {
        "shape": list(organ_map.shape[1:]),
        "nnunet_s": times["nnunet"],
        "ours_s": times["ours"],
        "nnunet_bytes": _n_bytes(study.theirs),
        "ours_bytes": _n_bytes(study.ours),
        "largest_difference_of_student_view": largest_difference(datasets),
        **read_patches(datasets),
    }


def preprocess_as_nnunet(study: Study, plans_manager: PlansManager) -> None:
    """What nnU-Net trains on."""
    for file in study.theirs.iterdir():  # it does not overwrite
        file.unlink()
    configuration = plans_manager.get_configuration("3d_fullres")
    DefaultPreprocessor(verbose=False).run_case_save(
        str(study.theirs / "case"), study.files, study.label_file, plans_manager, configuration, DATASET_JSON
    )


def preprocess_as_ours(study: Study, plan: dict, organ_map: np.ndarray) -> None:
    """What MuDuo trains on; organ_map: [1, a, b, c] on the plan's grid, in the place of the generator's answer."""
    preprocess_case(("case", study.files), study.ours, plan, "3d_fullres", DATASET_JSON)
    patch_size = plan["configurations"]["3d_fullres"]["patch_size"]
    write_prompt_map(organ_map, study.ours / "prompt_maps", "case", list(ORGANS.values()), patch_size)


def largest_difference(datasets: dict) -> float:
    """Between the student's view and nnU-Net's image, over all voxels, in standard deviations of the channel."""
    images = [dataset.load_case("case")[0] for dataset in datasets.values()]
    theirs, ours = (image[tuple(slice(0, n) for n in image.shape)][:N_CHANNELS] for image in images)
    return float(np.abs(theirs - ours).max())


def read_patches(datasets: dict) -> dict[str, float]:
    """Median time to open a case and read a patch of it, image and label or prompt map."""
    rng = np.random.default_rng(0)
    shape = datasets["nnunet"].load_case("case")[0].shape[1:]
    corners = [rng.integers(0, np.maximum(1, np.subtract(shape, PATCH_SIZE))) for _ in range(N_PATCHES)]
    times: dict[str, list[float]] = {name: [] for name in datasets}
    for corner in corners:
        runs = {name: partial(read_patch, dataset, corner) for name, dataset in datasets.items()}
        for name, (time_s,) in measure.side_by_side(runs, 1, torch.device("cpu"))[0].items():
            times[name].append(time_s)
    return {f"{name}_patch_s": statistics.median(times[name]) for name in times}


def read_patch(dataset, corner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Image and segmentation of a patch, read from the disk."""
    image, segmentation, *_ = dataset.load_case("case")
    box = [[int(start), int(start) + PATCH_SIZE] for start in corner]
    return crop_and_pad_nd(image, box, 0), crop_and_pad_nd(segmentation, box, 0)


@torch.no_grad()
def generator_tile_s(device: torch.device) -> float:
    """One patch of PET through the prompt generator's network."""
    names = (ARCHITECTURE["network_class_name"], ARCHITECTURE["arch_kwargs"], ARCHITECTURE["_kw_requires_import"])
    network = get_network_from_plans(*names, 1, 1 + len(ORGANS), deep_supervision=False).eval().to(device)
    tile = torch.zeros(1, 1, PATCH_SIZE, PATCH_SIZE, PATCH_SIZE, device=device)
    network(tile)
    return measure.seconds(lambda: network(tile), device)[0]


def total(per_study: dict, key: str) -> list[float]:
    """Time of both studies, repeat by repeat."""
    return [sum(times) for times in zip(*(study[key] for study in per_study.values()), strict=True)]


def rows_of(figures: dict) -> list[tuple[str, str]]:
    """The table."""
    rows = []
    for name, study in figures["studies"].items():
        ours_s, nnunet_s = statistics.median(study["ours_s"]), statistics.median(study["nnunet_s"])
        mb = study["ours_bytes"] / 1e6, study["nnunet_bytes"] / 1e6
        rows += [
            (f"{name} {tuple(study['shape'])}: time", f"{ours_s:.1f} s, nnU-Net {nnunet_s:.1f} s"),
            (f"{name}: cases per minute", f"{60 / ours_s:.1f}, nnU-Net {60 / nnunet_s:.1f}"),
            (f"{name}: size", f"{mb[0]:.1f} MB, nnU-Net {mb[1]:.1f} MB"),
            (f"{name}: largest difference of the student's view", f"{study['largest_difference_of_student_view']:.2g}"),
            (f"{name}: read a patch", f"{study['ours_patch_s']:.3f} s, nnU-Net {study['nnunet_patch_s']:.3f} s"),
        ]
    return [
        *rows,
        ("time over nnU-Net's", f"{figures['time_ratio_to_nnunet']:.2f} times"),
        ("bytes over nnU-Net's", f"{figures['bytes_ratio_to_nnunet']:.2f} times"),
        ("prompt generator, one tile of 128^3", f"{figures['generator_tile_s']:.1f} s"),
    ]


def _n_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
