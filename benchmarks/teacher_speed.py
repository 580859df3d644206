"""Time of a teacher's encode, with collapsed and with literal padding, and of decoding an organ list.

    python -m benchmarks.teacher_speed [--device cuda] [--threads 2]

The weights are random: speed does not depend on them.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch

from benchmarks.literal_sam3d import literal_encode
from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher
from nnunetv2_muduo.teachers.small import initialize

N_REPEATS = 3


def seconds(run: Callable[[], torch.Tensor], device: torch.device) -> tuple[float, torch.Tensor]:
    """Shortest of a few runs, after one to warm up."""
    times = []
    for _ in range(N_REPEATS + 1):
        start = time.perf_counter()
        result = run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times[1:]), result


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    generator = torch.Generator().manual_seed(0)
    teacher = Sam3DTeacher(Sam3DConfig())
    initialize(teacher, generator)
    teacher.to(args.device)
    image = torch.randn(1, 1, 128, 128, 128, generator=generator).to(args.device)
    no_mask = torch.zeros(1, 1, 32, 32, 32, device=args.device)
    collapsed_s, embedding = seconds(partial(teacher.encode, image), args.device)
    literal_s, expected = seconds(partial(literal_encode, teacher.image_encoder, image), args.device)
    error = ((embedding - expected).norm() / expected.norm()).item()
    print(f"encode: collapsed {collapsed_s:.3f} s, literal {literal_s:.3f} s, relative difference {error:.1e}")
    for n_prompts in (12, 117):
        masks = torch.randn(n_prompts, 1, 32, 32, 32, generator=generator).to(args.device)
        coordinates = 128 * torch.rand(n_prompts, 3, 3, generator=generator).to(args.device)
        points = coordinates, torch.ones(n_prompts, 3, device=args.device)
        by_points_s, _ = seconds(partial(teacher.decode, embedding, points, no_mask), args.device)
        by_masks_s, _ = seconds(partial(teacher.decode, embedding, None, masks), args.device)
        print(f"decode {n_prompts} prompts: points {by_points_s:.3f} s, masks {by_masks_s:.3f} s")


if __name__ == "__main__":
    main()
