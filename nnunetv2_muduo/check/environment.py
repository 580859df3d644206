"""Checks of what is installed: versions, the trainer as nnU-Net finds it, the teachers' weights."""

import importlib.metadata
import shutil
import sys
from pathlib import Path

from nnunetv2_muduo import __version__
from nnunetv2_muduo.check.findings import Finding, finding
from nnunetv2_muduo.check.fine_tuned_sam import check_extra
from nnunetv2_muduo.check.needs import Needs
from nnunetv2_muduo.check.teachers import check_teachers
from nnunetv2_muduo.trainer_classes import trainer_class

LEAST_NNUNET, TOO_NEW_NNUNET = (2, 8, 1), (3,)


def check_environment(trainer_name: str, trainer: type | None) -> list[Finding]:
    """Findings on versions, device, trainer (None where nnU-Net does not find it), config and teachers."""
    return [
        check_versions(),
        *check_commands(),
        check_device(),
        check_trainer(trainer_name, trainer),
        *check_config(trainer),
    ]


def check_versions() -> Finding:
    """nnU-Net must be one that this package is made for."""
    versions = {name: importlib.metadata.version(name) for name in ("nnunetv2", "torch")}
    number = tuple(int(part) for part in versions["nnunetv2"].split(".")[:3] if part.isdigit())
    fits = LEAST_NNUNET <= number < TOO_NEW_NNUNET
    found = f"nnunetv2_muduo {__version__}, " + ", ".join(f"{name} {version}" for name, version in versions.items())
    return finding("versions", found, problem="" if fits else "pip install 'nnunetv2>=2.8.1,<3'")


def check_commands() -> list[Finding]:
    """The nnUNetv2_train that a shell finds should run in this Python: another one has another nnU-Net, and not this package."""
    command = shutil.which("nnUNetv2_train")
    python = _python_of(Path(command)) if command else None
    if python is None or python.parent.resolve() == Path(sys.executable).parent.resolve():
        return []
    cure = f"install this package there too ({python} -m pip install ...), or put {Path(sys.executable).parent} first in PATH"
    return [finding("commands", f"{command} runs {python}, muduo {sys.executable}", warning=cure)]


def _python_of(script: Path) -> Path | None:
    """The Python that a script's first line names, None where it names another program."""
    with open(script, "rb") as file:
        first_line = file.readline(1000).decode(errors="replace")
    words = first_line.removeprefix("#!").split()
    is_python = first_line.startswith("#!") and len(words) > 0 and Path(words[0]).name.startswith("python")
    return Path(words[0]) if is_python else None


def check_device() -> Finding:
    """A GPU isn't needed, but missed."""
    import torch

    if not torch.cuda.is_available():
        return finding("device", "no GPU", warning="training needs -device cpu and will be very slow")
    properties = torch.cuda.get_device_properties(0)
    return finding("device", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")


def find_trainer(name: str) -> type | None:
    """Class of a trainer as nnUNetv2_train finds it, None where it doesn't."""
    try:
        return trainer_class(name)
    except RuntimeError:
        return None


def check_trainer(name: str, trainer: type | None) -> Finding:
    """nnU-Net must find the trainer, and it must be one of ours."""
    if trainer is None:
        return finding("trainer", "", problem=f"nnU-Net doesn't find {name}: {_how_to_find(name)}")
    is_ours = hasattr(trainer, "config_overrides")
    problem = "" if is_ours else "it is not of this package and has no teachers, see -tr"
    return finding("trainer", f"{name} from {trainer.__module__}", problem=problem)


def _how_to_find(name: str) -> str:
    """What helps where nnU-Net doesn't find a trainer: a folder for one of ours, another name for the rest."""
    from nnunetv2_muduo.nnunet_plugin.nnUNetTrainerMuDuo import names_of_trainers

    if name not in names_of_trainers():
        return "correct -tr, or name the folder of your own trainers in nnUNet_extTrainer"
    package = Path(__file__).parents[1]
    reason = f"{package.parent} has no .pth file that Python reads (a checkout, --target or PYTHONPATH)"
    return f"{reason}: export nnUNet_extTrainer={package / 'nnunet_plugin'}"


def check_config(trainer: type | None) -> list[Finding]:
    """The config must be readable, and teachers that the trainer needs must be on this machine, or be downloadable."""
    from nnunetv2_muduo.config import MuDuoConfig, load_config

    try:
        overrides, config_class = (
            getattr(trainer, "config_overrides", {}),
            getattr(trainer, "config_class", MuDuoConfig),
        )
        config = load_config(overrides, config_class)
    except (ValueError, FileNotFoundError) as error:
        return [finding("config", "", problem=str(error))]
    needs = Needs.of(trainer)
    return [*(check_teachers(config) if needs.teachers else []), *([check_extra()] if needs.fine_tuned_sam else [])]
