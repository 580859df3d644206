"""Loading and saving of teachers, by name or file, with every mismatch explained."""

from pathlib import Path

import torch

from nnunetv2_muduo.teachers.checkpoint import State, read_checkpoint, sha256, write_checkpoint
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


def load_teacher(source: str | Path, device: str | torch.device = "cpu") -> Sam3DTeacher:
    """Frozen float32 teacher on `device`.

    Args:
        source: a name of `registry.TEACHERS` (public weights are downloaded once), or the path of a checkpoint:
            .pth or .safetensors, of the public `vit_b_ori` or carrying its architecture as `save_teacher` writes it.

    Raises:
        FileNotFoundError: no such file; or public weights neither on this machine nor reachable.
        ValueError: the file is damaged, unsafe, of another network, or not the one on record.
    """
    spec = TEACHERS.get(str(source))
    path = _path(source, spec)
    _report_digest(path, spec.sha256 if isinstance(spec, PublicTeacher) else None)
    state, config = read_checkpoint(path)
    return _assemble(path, state, config).to(device)


def save_teacher(teacher: Sam3DTeacher, path: str | Path) -> None:
    """Write weights and architecture to a .pth or .safetensors file that `load_teacher` reads."""
    state = {name: tensor.cpu().contiguous() for name, tensor in teacher.state_dict().items()}
    write_checkpoint(Path(path), state, teacher.config)


def _path(source: str | Path, spec: PublicTeacher | SmallTeacher | None) -> Path:
    if isinstance(spec, SmallTeacher):
        return spec.path
    return _existing(source) if spec is None else fetch(str(source), spec)


def _existing(source: str | Path) -> Path:
    path = Path(source).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"teacher '{source}' is neither a file nor one of {', '.join(TEACHERS)}")
    return path


def _report_digest(path: Path, expected: str | None) -> None:
    digest = sha256(path)
    print(f"teacher weights: {path} (sha256 {digest})")
    if expected not in (None, digest):
        raise ValueError(
            f"teacher weights {path} have sha256 {digest}, but {expected} is on record; delete the file so that it is "
            "downloaded again, or give its path instead of a name if you mean to use it"
        )


def _assemble(path: Path, state: State, config: Sam3DConfig | None) -> Sam3DTeacher:
    with torch.device("meta"):
        teacher = Sam3DTeacher(config or Sam3DConfig())
    expected = {name: list(tensor.shape) for name, tensor in teacher.state_dict().items()}
    found = {name: list(tensor.shape) for name, tensor in state.items()}
    if found != expected:
        raise ValueError(_mismatch(path, expected, found, carries_config=config is not None))
    teacher.load_state_dict(state, assign=True)
    return teacher.float().requires_grad_(False)


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
