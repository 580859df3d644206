"""Time and memory of a session with a network of the public size, whose weights are reproducible random numbers.

    python -m benchmarks.prompting.speed --threads 2 --json OUT.json

An image of one patch (128 voxels of 1.5 mm along each axis), then a whole body (400 x 400 x 326 voxels of 2.04 x 2.04 x 3
mm): how long setting the image takes, encoding a patch, the first click, and a further click, whose embedding is there; and
the memory of the whole process at its peak. Speed does not depend on the weights, but the answer does, and a mask that
touches a border asks for further patches: so what a random network says near the border counts as nothing (`Inside`).
"""

import statistics

from benchmarks.speed import measure  # before torch

# isort: split
import numpy as np
import SimpleITK as sitk
import torch
from torch import Tensor, nn

from benchmarks.speed.phantom_patches import seeded_teacher
from nnunetv2_muduo.process_memory import peak_mb, restart_peak
from nnunetv2_muduo.prompting.network import NetworkTeacher
from nnunetv2_muduo.prompting.session import PromptSession
from nnunetv2_muduo.prompting.teachers import PUBLIC_SPACING_MM

IMAGES = {  # voxels and their size in mm along (x, y, z)
    "one patch": ((128, 128, 128), (1.5, 1.5, 1.5)),
    "whole body": ((400, 400, 326), (2.04, 2.04, 3.0)),
}
N_CLICKS, CLICK_APART_MM, SEED = 9, 6.0, 0
GOALS = {"next_click_s": 0.3, "peak_gb": 4.0}


class Inside(nn.Module):
    """A network whose answers stay off the patch's border, as those about an organ that fits into it."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.image_size, self.low_res_size, self.config = network.image_size, network.low_res_size, network.config

    def encode(self, image: Tensor) -> Tensor:
        return self.network.encode(image)

    def decode(self, embeddings: Tensor, points, masks: Tensor) -> Tensor:
        logits = self.network.decode(embeddings, points, masks)
        edge = logits.shape[-1]
        distance = (torch.arange(edge, device=logits.device) - (edge - 1) / 2).abs() / edge
        is_inside = (distance[:, None, None] < 0.3) & (distance[:, None] < 0.3) & (distance < 0.3)
        return torch.where(is_inside, logits - logits.mean(), -10.0)


def main() -> None:
    args = measure.parse_arguments(__doc__)
    teacher = NetworkTeacher(Inside(seeded_teacher(SEED).to(args.device)), "pet", PUBLIC_SPACING_MM)
    figures = {"machine": measure.machine(args.device), "goals": GOALS}
    for name, geometry in IMAGES.items():
        figures[name] = measure_session(teacher, pet_image(*geometry), args.device)
        figures[name]["load_average_at_end"] = measure.load_average()
    measure.report(args, figures, [row for name in IMAGES for row in rows_of(name, figures[name])])


def measure_session(teacher: NetworkTeacher, pet: sitk.Image, device: torch.device) -> dict[str, float | int | None]:
    """Figures of a session on one image: clicks in its middle, a few mm apart."""
    restart_peak()
    session = PromptSession(teacher)
    set_s, _ = measure.seconds(lambda: session.set_image(pet), device)
    middle_mm = np.array(pet.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in pet.GetSize()]))
    steps_mm = np.random.default_rng(SEED).uniform(-CLICK_APART_MM, CLICK_APART_MM, (N_CLICKS, 3))
    n_before, times = teacher.n_encoded, []
    for step_mm in steps_mm:
        click_s, _ = measure.seconds(lambda place=middle_mm + step_mm: session.add_point(place), device)
        times.append(click_s)
    n_encoded = teacher.n_encoded - n_before
    peak = peak_mb()
    return {
        "set_image_s": set_s,
        "n_patches": n_encoded,
        "encode_s": session.encode_seconds / n_encoded,
        "first_click_s": times[0],
        "next_clicks_s": times[1:],
        "peak_gb": None if peak is None else peak / 1024,
    }


def pet_image(size_xyz: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> sitk.Image:
    """A warm body with a hot sphere in its middle, in SUV, with noise."""
    axes = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(size_xyz[::-1], spacing_mm[::-1], strict=True)]
    z, y, x = np.ix_(*(axis.astype(np.float32) for axis in axes))
    suv = np.where((x / 180) ** 2 + (y / 120) ** 2 <= 1, 0.8, 0.02) + 5.0 * (x**2 + y**2 + z**2 <= 40**2)
    suv = suv.astype(np.float32) + 0.05 * np.random.default_rng(SEED).standard_normal(suv.shape, np.float32)
    image = sitk.GetImageFromArray(np.maximum(suv, 0))
    image.SetSpacing(spacing_mm)
    return image


def rows_of(name: str, figures: dict) -> list[tuple[str, str]]:
    """The table's rows of one image."""
    next_s = statistics.median(figures["next_clicks_s"])
    peak = figures["peak_gb"]
    return [
        (f"{name}: set the image", f"{figures['set_image_s']:.2f} s"),
        (f"{name}: encode a patch ({figures['n_patches']} encoded)", f"{figures['encode_s']:.2f} s"),
        (f"{name}: first click", f"{figures['first_click_s']:.2f} s"),
        (f"{name}: next click (goal {GOALS['next_click_s']} s)", f"{next_s:.2f} s"),
        (f"{name}: memory at its peak (goal {GOALS['peak_gb']} GB)", "–" if peak is None else f"{peak:.1f} GB"),
    ]


if __name__ == "__main__":
    main()
