"""Young students, whose mistakes the small teachers learn to correct: U-Nets that were trained briefly, on a few cases each.

What a network takes for an organ after a thousand iterations is not the organ blurred and shifted: it holds parts of
whatever looks alike. Masks and points of such maps are what a MuDuo teacher is given.
"""

from dataclasses import dataclass

import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from torch import Tensor, nn

from nnunetv2_muduo.teacher_training.crops import Cropper, Crops
from nnunetv2_muduo.teacher_training.organ_head import Kind, kinds_of, label_map, segmentation_loss
from nnunetv2_muduo.teacher_training.volumes import Volume

N_CASES, BATCH_SIZE, LR, FEATURES = 5, 2, 3e-3, (16, 32, 64)


@dataclass
class YoungStudent:
    """A network that knows the organs of one kind of data. volumes: the cases of that kind that it has not seen."""

    network: nn.Module
    kind: Kind
    volumes: list[Volume]

    @torch.no_grad()
    def maps(self, crops: Crops) -> Tensor:
        """The student's probabilities [N, S, S, S] of the crops' organs."""
        probs = self.network(crops.image).softmax(1)
        channels = [1 + self.kind.index(organ) for organ in crops.organs]
        return probs[crops.crop_index, torch.tensor(channels, dtype=torch.long)]


def train_students(
    volumes: list[Volume], n_iterations: tuple[int, ...], modality: str, size: int, seed: int
) -> list[YoungStudent]:
    """One student for each kind of data (same organs) and number of iterations."""
    generator = torch.Generator().manual_seed(seed)
    cropper = Cropper(modality, size, max_organs=256, flip_axes=())  # organs have sides
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # of the networks' first weights
        return [
            _train(of_kind, kind, n, cropper, generator)
            for kind, of_kind in kinds_of(volumes).items()
            for n in n_iterations
        ]


def _train(
    volumes: list[Volume], kind: Kind, n_iterations: int, cropper: Cropper, generator: torch.Generator
) -> YoungStudent:
    order = torch.randperm(len(volumes), generator=generator).tolist()
    seen, unseen = ([volumes[i] for i in part] for part in (order[:N_CASES], order[N_CASES:]))
    network = PlainConvUNet(
        1, len(FEATURES), FEATURES, nn.Conv3d, 3, (1, 2, 2), 2, 1 + len(kind), 2, conv_bias=True,
        norm_op=nn.InstanceNorm3d, norm_op_kwargs={"affine": True}, nonlin=nn.LeakyReLU,
    )  # fmt: skip
    optimizer = torch.optim.AdamW(network.parameters(), LR)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, n_iterations, power=0.9)
    for _ in range(n_iterations):
        crops = cropper.random_crops(seen, BATCH_SIZE, generator)
        loss = segmentation_loss(network(crops.image), label_map(crops, kind))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return YoungStudent(network.eval(), kind, unseen)
