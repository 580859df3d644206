"""A trained student as a model of nnU-Net's own trainer, in a zip that nnU-Net's own commands install and predict with."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from batchgenerators.utilities.file_and_folder_operations import load_json
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_muduo.checkpoints import STATE_KEY, read_checkpoint
from nnunetv2_muduo.privacy import without_paths
from nnunetv2_muduo.storage import replacing
from nnunetv2_muduo.trainers.student_channels import student_channels
from nnunetv2_muduo.user_files import expecting_fields, read_dataset_json, read_user_json

STOCK_TRAINER = nnUNetTrainer.__name__
_MODEL_FILES = ("plans.json", "dataset.json")
_PROGRESS, _SUMMARY = "progress.png", "validation/summary.json"
_DATASET_FIELDS = ("channel_names", "modality", "labels", "regions_class_order", "file_ending", "numTraining")
_DATASET_FIELDS += ("overwrite_image_reader_writer", "reference", "licence", "license")
"""Of dataset.json: what nnU-Net reads to predict, and to whom the data are owed; newer ones list every case with its path."""
_INIT_ARGS = ("configuration", "fold")


def export_model(model_folder: Path, folds: list[str], checkpoint_name: str, zip_path: Path) -> list[str]:
    """Write the folds of a trained model to a zip for `nnUNetv2_install_pretrained_model_from_zip`.

    What nnU-Net needs to predict is in it, and nothing else: no optimizer, nothing that only this package could read, no paths
    and no names of cases.

    Args:
        model_folder: nnU-Net's results folder `Dataset/Trainer__Plans__Configuration`.
        folds: numbers, or `all`.

    Returns:
        Names of the files in the zip, all below `Dataset/nnUNetTrainer__Plans__Configuration`.

    Raises:
        FileNotFoundError: plans, data set description or a fold's checkpoint are missing; all of them are named.
        ValueError: the network is not the one that nnU-Net's own trainer builds, or one of these files is damaged.
    """
    _require_files(model_folder, folds, checkpoint_name)
    read_dataset_json(model_folder / "dataset.json", "labels")
    read_user_json(model_folder / "plans.json", {"configurations": dict})
    with replacing(zip_path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        _fill(archive, model_folder, folds, checkpoint_name)
        names = archive.namelist()
    return names


def _require_files(model_folder: Path, folds: list[str], checkpoint_name: str) -> None:
    needed = [model_folder / name for name in _MODEL_FILES]
    needed += [model_folder / f"fold_{fold}" / checkpoint_name for fold in folds]
    missing = [str(path) for path in needed if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{len(missing)} file(s) of the model are missing: {', '.join(missing)}")


def _fill(archive: zipfile.ZipFile, model_folder: Path, folds: list[str], checkpoint_name: str) -> None:
    target = Path(model_folder.parent.name, "__".join([STOCK_TRAINER, *model_folder.name.split("__")[1:]]))
    _add(archive, model_folder / "plans.json", target, without_paths)
    _add(archive, model_folder / "dataset.json", target, public_dataset)
    _add(archive, model_folder / "dataset_fingerprint.json", target, without_paths)
    for fold in (f"fold_{fold}" for fold in folds):
        checkpoint = stock_checkpoint(model_folder / fold / checkpoint_name, model_folder)
        with archive.open((target / fold / "checkpoint_final.pth").as_posix(), "w", force_zip64=True) as file:
            torch.save(checkpoint, file)
        if (model_folder / fold / _PROGRESS).is_file():
            archive.write(model_folder / fold / _PROGRESS, target / fold / _PROGRESS)
        _add(archive, model_folder / fold / _SUMMARY, target / fold / "validation", public_summary)


def _add(archive: zipfile.ZipFile, path: Path, target: Path, published: Callable[[dict], dict]) -> None:
    """Add what may be published of a JSON file, if it is there."""
    if path.is_file():
        with expecting_fields(path):
            content = published(read_user_json(path))
        archive.writestr((target / path.name).as_posix(), json.dumps(content, indent=4, ensure_ascii=False))


def public_dataset(dataset_json: dict) -> dict:
    """What others need of nnU-Net's dataset.json."""
    return without_paths({field: dataset_json[field] for field in _DATASET_FIELDS if field in dataset_json})


def public_summary(summary: dict) -> dict:
    """nnU-Net's figures of the validation, its cases numbered where their files were named."""
    cases = [
        {"metrics": case.get("metrics", {})} | {key: f"case_{number}" for key in ("prediction_file", "reference_file")}
        for number, case in enumerate(summary.get("metric_per_case", []), start=1)
    ]
    return {key: summary[key] for key in ("foreground_mean", "mean") if key in summary} | {"metric_per_case": cases}


def stock_checkpoint(path: Path, model_folder: Path) -> dict:
    """What nnU-Net's predictor reads of a checkpoint, as if nnU-Net's own trainer had written it: plain values and tensors.

    Raises:
        ValueError: see `export_model`.
    """
    stored = read_checkpoint(path)
    init_args = {key: stored["init_args"][key] for key in _INIT_ARGS}
    init_args["plans"] = without_paths(load_json(str(model_folder / "plans.json")))  # fitted to the teachers' patch
    init_args["dataset_json"] = public_dataset(load_json(str(model_folder / "dataset.json")))
    weights = dict(stored["network_weights"])
    if "generator_id" not in stored["init_args"].get(STATE_KEY, {}):  # a generator is no student
        weights = _on_all_channels(weights, init_args["configuration"], model_folder)
    _require_stock_network(weights, init_args["configuration"], model_folder)
    return {
        "network_weights": weights,
        "init_args": init_args,
        "trainer_name": STOCK_TRAINER,
        "inference_allowed_mirroring_axes": stored.get("inference_allowed_mirroring_axes"),
        "current_epoch": stored["current_epoch"],
    }


def _on_all_channels(
    weights: dict[str, torch.Tensor], configuration: str, model_folder: Path
) -> dict[str, torch.Tensor]:
    """The weights of a student of some channels as those of a network of all channels, to which the others are nothing."""
    plans_manager = PlansManager(load_json(str(model_folder / "plans.json")))
    settings = plans_manager.get_configuration(configuration)
    channels, stem = student_channels(settings), next(iter(weights))
    if channels is None:
        return weights
    n_channels = determine_num_input_channels(plans_manager, settings, load_json(str(model_folder / "dataset.json")))
    own = weights[stem]  # the first convolution; the network's lists name it several times
    spread = own.new_zeros(own.shape[0], n_channels, *own.shape[2:])
    spread[:, channels] = own
    same = [name for name, w in weights.items() if w.shape == own.shape and torch.equal(w, own)]
    return {**weights, **dict.fromkeys(same, spread)}


def _require_stock_network(weights: dict[str, torch.Tensor], configuration: str, model_folder: Path) -> None:
    """Refuse weights that nnU-Net's trainer, given these plans, could not load."""
    plans_manager = PlansManager(load_json(str(model_folder / "plans.json")))
    dataset_json = load_json(str(model_folder / "dataset.json"))
    settings = plans_manager.get_configuration(configuration)
    with torch.device("meta"):  # shapes are enough
        network = nnUNetTrainer.build_network_architecture(
            plans_manager,
            settings,
            determine_num_input_channels(plans_manager, settings, dataset_json),
            plans_manager.get_label_manager(dataset_json).num_segmentation_heads,
            enable_deep_supervision=False,
        )
    expected = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
    found = {name: tuple(weight.shape) for name, weight in weights.items()}
    if found != expected:
        name = next(name for name in {**expected, **found} if expected.get(name) != found.get(name))
        raise ValueError(
            f"{model_folder.name} has another network than {STOCK_TRAINER} builds from its plans: {name} is "
            f"{found.get(name)}, nnU-Net's is {expected.get(name)}. Only students can be exported, not prompt generators."
        )
