"""What CFR's 2D SAM adds to a training's costs: its fine-tuning, and labels for every unlabeled patch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nnunetv2_muduo.check.estimates import Count, count_of
from nnunetv2_muduo.teacher_training.train2d.settings import FineTuningSettings
from nnunetv2_muduo.teachers.sam2d.checkpoint import read_without_values
from nnunetv2_muduo.teachers.sam2d.network import SemanticSam, let_learn, without_values
from nnunetv2_muduo.teachers.sam2d.slices import layout_of, thickest_axis


@dataclass(frozen=True)
class SamCount:
    """What a SAM costs with patches of a plan."""

    n_weights: int
    canvases: Count
    """Of all canvases of a fine-tuning's iteration."""
    n_iterations: int
    """Of the fine-tuning; 0 where its file is there."""

    @property
    def n_frozen(self) -> int:
        """Weights that fine-tuning leaves alone."""
        return self.n_weights - self.canvases.n_weights

    @property
    def frozen(self) -> tuple[int, float]:
        """Weights of the fine-tuned network, and operations of labeling one patch."""
        return self.n_weights, self.canvases.forward_flops / FineTuningSettings.batch_size

    @property
    def fine_tuning_tflops(self) -> float:
        """10^12 operations of the whole fine-tuning."""
        return self.n_iterations * self.canvases.step_flops / 1e12


def count_sam(config, settings: dict[str, Any], n_labels: int) -> SamCount:
    """Count CFR's SAM on PyTorch's meta device.

    Args:
        config: a `CFRConfig`. settings: of the configuration in nnU-Net's plans. n_labels: with background.

    Raises:
        RuntimeError: `transformers` is not installed.
        FileNotFoundError, ValueError: the SAM's size can't be told, or the patch's slices are larger than its canvas.
    """
    network = _without_values(config, n_labels)
    size, (patch_size, axis) = network.canvas_size, cut_patch(config, settings)
    n_canvases = FineTuningSettings.batch_size * layout_of(patch_size, axis, size).n_canvases
    batch = torch.empty(n_canvases, 3, size, size, device="meta")
    n_iterations = config.sam_iterations if config.sam_file is None else 0
    n_weights = sum(one.numel() for one in network.parameters())
    return SamCount(n_weights, count_of(network, batch), n_iterations)


def _without_values(config, n_labels: int) -> SemanticSam:
    if config.sam_file is not None:
        return read_without_values(Path(config.sam_file).expanduser())
    return let_learn(without_values(config.sam, n_labels), config.sam)


def cut_patch(config, settings: dict[str, Any]) -> tuple[list[int], int]:
    """The training's patch, of the config or else of the plan's configuration, and the axis across which it is cut."""
    patch_size = [config.patch_size] * 3 if config.patch_size else settings["patch_size"]
    return patch_size, thickest_axis(settings["spacing"]) if config.slice_axis is None else config.slice_axis
