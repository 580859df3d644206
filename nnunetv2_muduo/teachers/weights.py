"""Loading and saving of teachers, by name or file, with every mismatch explained."""

from dataclasses import dataclass
from pathlib import Path

import torch

from nnunetv2_muduo.storage import file_digest
from nnunetv2_muduo.teachers.checkpoint import TeacherFile, read_teacher_file, write_teacher_file
from nnunetv2_muduo.teachers.first_sight import require_as_first_seen
from nnunetv2_muduo.teachers.hub import fetch
from nnunetv2_muduo.teachers.registry import TEACHERS, PublicTeacher, SmallTeacher
from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher

N_NAMES_SHOWN = 5
OTHER_MODELS = (  # (part of a parameter name, whose it is)
    ("Adapter", "SAM-Med2D"),
    ("image_encoder.trunk.", "SAM 2 or MedSAM2"),
    ("image_encoder.layers.", "MobileSAM"),
    ("encoder.stages.", "an nnU-Net network"),
    ("image_encoder.blocks.0.attn.rel_pos_d", "a SAM-Med3D of another size"),
    ("image_encoder.blocks.0.attn.rel_pos_h", "SAM or MedSAM, for 2D images"),
)


@dataclass(frozen=True)
class TeacherFacts:
    """What is known of a teacher's file that has been opened, and whose weights fit."""

    path: Path
    sha256: str
    image_size: int
    """Edge of the cubic patch that it sees, in voxels."""
    modality: str | None
    """"ct" or "pet", as far as name or file tell."""


def load_teacher(source: str | Path, device: str | torch.device = "cpu", modality: str | None = None) -> Sam3DTeacher:
    """Frozen float32 teacher on `device`.

    Args:
        source: a name of `registry.TEACHERS` (public weights are downloaded once), or the path of a checkpoint:
            .pth or .safetensors, of the public `vit_b_ori` or carrying its architecture as `save_teacher` writes it.
        modality: "ct" or "pet", which the teacher must be for as far as name or file tell; None: any.

    Raises:
        FileNotFoundError: no such file; or public weights neither on this machine nor reachable.
        ValueError: the file is damaged, unsafe, of another network or modality, not the one on record, or holds NaN.
    """
    facts, teacher = _open(source, modality)
    print(f"teacher weights: {facts.path} (sha256 {facts.sha256})")
    return teacher.to(device)


def inspect_teacher(source: str | Path, modality: str | None = None) -> TeacherFacts:
    """Fetch, open and compare a teacher's weights without keeping them; arguments and errors as of `load_teacher`."""
    return _open(source, modality)[0]


def teacher_architecture(source: str | Path) -> tuple[int, Sam3DConfig]:
    """Number of weights and sizes of a teacher; `source` and errors as with `load_teacher`."""
    teacher = _open(source, None)[1]
    return sum(weights.numel() for weights in teacher.parameters()), teacher.config


def teacher_digest(source: str | Path) -> str:
    """sha256 of a teacher's file; `source` and FileNotFoundError as with `load_teacher`."""
    return file_digest(_path(source, TEACHERS.get(str(source))))


def save_teacher(teacher: Sam3DTeacher, path: str | Path, modality: str | None = None) -> None:
    """Write weights, architecture and, if given, modality to a .pth or .safetensors file that `load_teacher` reads."""
    state = {name: tensor.cpu().contiguous() for name, tensor in teacher.state_dict().items()}
    write_teacher_file(Path(path), TeacherFile(state, teacher.config, modality))


def _path(source: str | Path, spec: PublicTeacher | SmallTeacher | None) -> Path:
    if isinstance(spec, SmallTeacher):
        return spec.path
    return _existing(source) if spec is None else fetch(str(source), spec)


def _existing(source: str | Path) -> Path:
    path = Path(source).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"teacher '{source}' is neither a file nor one of {', '.join(TEACHERS)}")
    return path


def _open(source: str | Path, modality: str | None) -> tuple[TeacherFacts, Sam3DTeacher]:
    spec = TEACHERS.get(str(source))
    path = _path(source, spec)
    sha256 = file_digest(path)
    if isinstance(spec, PublicTeacher):
        _require_the_public_file(spec, path, sha256)
    file = read_teacher_file(path)
    known = file.modality if spec is None else spec.modality
    if modality is not None and known not in (None, modality):
        raise ValueError(
            f"teacher '{source}' is for {known.upper()}, not for {modality.upper()}: were the two exchanged?"
        )
    teacher = _assemble(path, file)
    return TeacherFacts(path, sha256, teacher.image_size, known), teacher


def _require_the_public_file(spec: PublicTeacher, path: Path, sha256: str) -> None:
    if spec.sha256 not in (None, sha256):
        raise ValueError(
            f"teacher weights {path} have sha256 {sha256}, but {spec.sha256} is on record; delete the file so that it is "
            "downloaded again, or give its path instead of a name if you mean to use it"
        )
    require_as_first_seen(spec, path, sha256)


def _assemble(path: Path, file: TeacherFile) -> Sam3DTeacher:
    teacher = _without_weights(path, file.config or Sam3DConfig())
    expected = {name: list(tensor.shape) for name, tensor in teacher.state_dict().items()}
    found = {name: list(tensor.shape) for name, tensor in file.state.items()}
    if found != expected:
        raise ValueError(_mismatch(path, expected, found, carries_config=file.config is not None))
    teacher.load_state_dict(file.state, assign=True)
    teacher = teacher.float().requires_grad_(False)
    _require_finite(path, teacher)
    return teacher


def _require_finite(path: Path, teacher: Sam3DTeacher) -> None:
    """Training with such weights would end in NaN long after the file was opened."""
    names = [name for name, tensor in teacher.state_dict().items() if not torch.isfinite(tensor).all()]
    if names:
        raise ValueError(
            f"teacher weights {path} hold NaN or infinite values in {len(names)} tensor(s): {_first(names)}. The training that "
            "wrote them has failed: use an earlier checkpoint of it, or another file"
        )


def _without_weights(path: Path, config: Sam3DConfig) -> Sam3DTeacher:
    try:
        with torch.device("meta"):
            return Sam3DTeacher(config)
    except (RuntimeError, OverflowError) as error:  # sizes that no tensor can have
        raise ValueError(
            f"teacher weights {path}: no network of the sizes that it carries can be built ({error})"
        ) from error


def _mismatch(path: Path, expected: dict[str, list], found: dict[str, list], *, carries_config: bool) -> str:
    lists = {
        "missing": sorted(expected.keys() - found.keys()),
        "unexpected": sorted(found.keys() - expected.keys()),
        "of another shape": [
            f"{name} {found[name]} instead of {expected[name]}"
            for name in sorted(expected.keys() & found.keys())
            if found[name] != expected[name]
        ],
    }
    architecture = "the architecture that it carries" if carries_config else "the public vit_b_ori"
    details = "".join(f"\n  {len(names)} {kind}: {_first(names)}" for kind, names in lists.items() if names)
    return (
        f"teacher weights {path} do not fit {architecture}:{details}\n"
        f"They look like {_likely_model(found)}. Use sam_med3d_turbo.pth of SAM-Med3D, seganypet_v1.pth of SegAnyPET, "
        "or a file written by save_teacher"
    )


def _first(names: list[str]) -> str:
    return ", ".join(names[:N_NAMES_SHOWN]) + (", ..." if len(names) > N_NAMES_SHOWN else "")


def _likely_model(names: dict[str, list]) -> str:
    matches = (model for part, model in OTHER_MODELS if any(part in name for name in names))
    return next(matches, "no network that this package knows")
