"""Checks of what is installed: versions, the trainer as nnU-Net finds it, the teachers' weights."""

import importlib.metadata
import os
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from nnunetv2_muduo import __version__
from nnunetv2_muduo.check.findings import Finding, finding
from nnunetv2_muduo.check.needs import Needs

LEAST_NNUNET, TOO_NEW_NNUNET = (2, 8, 1), (3,)


def check_environment(trainer_name: str, trainer: type | None) -> list[Finding]:
    """Findings on versions, device, trainer (None where nnU-Net does not find it), config and teachers."""
    return [check_versions(), check_device(), check_trainer(trainer_name, trainer), *check_config(trainer)]


def check_versions() -> Finding:
    """nnU-Net must be one that this package is made for."""
    versions = {name: importlib.metadata.version(name) for name in ("nnunetv2", "torch")}
    number = tuple(int(part) for part in versions["nnunetv2"].split(".")[:3] if part.isdigit())
    fits = LEAST_NNUNET <= number < TOO_NEW_NNUNET
    found = f"nnunetv2_muduo {__version__}, " + ", ".join(f"{name} {version}" for name, version in versions.items())
    return finding("versions", found, problem="" if fits else "pip install 'nnunetv2>=2.8.1,<3'")


def check_device() -> Finding:
    """A GPU isn't needed, but missed."""
    import torch

    if not torch.cuda.is_available():
        return finding("device", "no GPU", warning="training needs -device cpu and will be very slow")
    properties = torch.cuda.get_device_properties(0)
    return finding("device", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")


def find_trainer(name: str) -> type | None:
    """Class of a trainer as nnUNetv2_train finds it, None where it doesn't."""
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

    try:
        with redirect_stdout(StringIO()):  # nnU-Net tells of every folder it looks into
            return recursive_find_trainer_class_by_name(name)
    except RuntimeError:
        return None


def check_trainer(name: str, trainer: type | None) -> Finding:
    """nnU-Net must find the trainer, and it must be one of ours."""
    if trainer is None:
        folder = Path(__file__).parents[1] / "nnunet_plugin"
        return finding("trainer", "", problem=f"nnU-Net doesn't find {name}: export nnUNet_extTrainer={folder}")
    is_ours = hasattr(trainer, "config_overrides")
    problem = "" if is_ours else "it is not of this package and has no teachers, see -tr"
    return finding("trainer", f"{name} from {trainer.__module__}", problem=problem)


def check_config(trainer: type | None) -> list[Finding]:
    """The config must be readable, and teachers that the trainer needs must be on this machine, or be downloadable."""
    from nnunetv2_muduo.config import MuDuoConfig, load_config
    from nnunetv2_muduo.teachers.ensemble import teacher_source

    try:
        overrides, config_class = (
            getattr(trainer, "config_overrides", {}),
            getattr(trainer, "config_class", MuDuoConfig),
        )
        config = load_config(overrides, config_class)
    except (ValueError, FileNotFoundError) as error:
        return [finding("config", "", problem=str(error))]
    if not Needs.of(trainer).teachers:
        return []
    return [_check_teacher(modality, teacher_source(config, modality)) for modality in config.modalities]


def _check_teacher(modality: str, source: str) -> Finding:
    from nnunetv2_muduo.teachers.registry import TEACHERS, SmallTeacher

    subject, spec = f"{modality.upper()} teacher", TEACHERS.get(source)
    if spec is not None and spec.modality != modality:
        return finding(subject, source, problem=f"it is for {spec.modality.upper()}: were the two teachers exchanged?")
    if isinstance(spec, SmallTeacher):
        return finding(subject, source, warning="it knows synthetic images alone, for trying out only")
    if spec is None:
        is_there = Path(source).expanduser().is_file()
        return finding(subject, source, problem="" if is_there else "no such file")
    cached = _cached(spec)
    if cached:
        return finding(subject, f"{source} in {cached}")
    command = f"hf download {spec.repo_id} {spec.file_name} --revision {spec.revision}"
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        return finding(subject, source, problem=f"not on this machine, and HF_HUB_OFFLINE is set: {command}")
    return finding(subject, source, warning=f"not on this machine, training will try to download it: {command}")


def _cached(spec) -> str | None:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(spec.repo_id, spec.file_name, revision=spec.revision)
    return path if isinstance(path, str) else None
