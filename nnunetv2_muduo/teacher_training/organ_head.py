"""A teacher's training that also asks for every voxel's organ: prompts alone teach an encoder slowly. Not published."""

from collections.abc import Iterable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nnunetv2_muduo.teacher_training.crops import Cropper, Crops
from nnunetv2_muduo.teacher_training.trainer import TeacherTraining
from nnunetv2_muduo.teacher_training.volumes import Volume

ALL_ORGANS = 256
MIRRORED_PART = 0.5  # of the batches; in the others bodies lie as they are stored
HEAD_LR = 10.0  # of the encoder's, which would otherwise wait for the layers
Kind = tuple[str, ...]
"""The organs, in order, that are labeled in some volumes: where one isn't, its voxels are background."""


class OrganHeadTraining(TeacherTraining):
    """As `TeacherTraining`; beside the prompts, a linear layer tells voxels' organs from the embedding, as fine as masks are.

    Each kind of volumes has a layer of its own, and all crops of one step through the network are of one kind. Layers are thrown
    away in the end. Batches are mirrored, not crops: for the layers the left kidney of a body whose sides are exchanged is a
    right one. Labels of low quality teach by prompts alone.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.cropper: Cropper = replace(self.cropper, flip_axes=(), max_organs=ALL_ORGANS)
        self.of_kinds = kinds_of(self.volumes)
        self.layers = self._new_layers().to(self.device)
        self.optimizer.add_param_group({"params": list(self.layers.parameters())})

    def _new_layers(self) -> nn.ModuleList:
        config = self.teacher.config
        width, edge = config.prompt_embed_dim, config.low_res_size // config.grid_size
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            return nn.ModuleList(nn.ConvTranspose3d(width, 1 + len(kind), edge, stride=edge) for kind in self.of_kinds)

    def volumes_of_batch(self) -> list[Volume]:
        """Volumes of one kind; kinds come as often as they have volumes."""
        drawn = self.volumes[int(torch.randint(len(self.volumes), (), generator=self.crop_generator))]
        self.kind = kind_of(drawn)
        return self.of_kinds[self.kind]

    def loss(self, crops: Crops) -> Tensor:
        """Loss of the prompts, of up to as many organs as without layers, and of the voxels."""
        self.mirrored = self._axes_to_mirror()
        crops = mirror(crops, self.mirrored)
        embeddings = self.encode(crops.image)
        n_prompted = self.settings.max_organs * len(crops.image)
        chosen = torch.randperm(len(crops.organs), generator=self.crop_generator)[:n_prompted].sort().values.tolist()
        loss = self.loss_of_prompts(embeddings, crops.of_organs(chosen))
        return loss if crops.is_noisy.any() else loss + self.loss_of_voxels(embeddings, crops)

    def loss_of_voxels(self, embeddings: Tensor, crops: Crops) -> Tensor:
        """Cross-entropy and soft Dice of the layer's answer for crops that may be mirrored."""
        logits = self.layers[list(self.of_kinds).index(self.kind)](embeddings)
        labels = label_map(as_layers_see(crops, self.mirrored, self.kind), self.kind)[:, None]
        coarse = F.interpolate(labels.float(), logits.shape[2:], mode="nearest-exact")
        return segmentation_loss(logits, coarse[:, 0].long())

    def state(self) -> dict:
        """As without layers, and the layers."""
        return {**super().state(), "layers": self.layers.state_dict()}

    def restore(self, state: dict) -> None:
        """As without layers, and the layers."""
        super().restore(state)
        self.layers.load_state_dict(state["layers"])

    def rates(self, done: float) -> tuple[float, ...]:
        """The layers' rate comes last."""
        of_encoder, *others = super().rates(done)
        return of_encoder, *others, HEAD_LR * of_encoder

    def _axes_to_mirror(self) -> list[int]:
        part, *draws = torch.rand(4, generator=self.crop_generator).tolist()
        return [axis for axis, draw in enumerate(draws) if draw < 0.5] if part < MIRRORED_PART else []


def kind_of(volume: Volume) -> Kind:
    """The organs that are labeled in a volume, as its names say."""
    return tuple(sorted(volume.organs.values()))


def kinds_of(volumes: Iterable[Volume]) -> dict[Kind, list[Volume]]:
    """Volumes by their kind."""
    kinds = sorted({kind_of(volume) for volume in volumes})
    return {kind: [volume for volume in volumes if kind_of(volume) == kind] for kind in kinds}


def mirror(crops: Crops, axes: list[int]) -> Crops:
    """All crops flipped along some of their three axes."""
    return replace(
        crops,
        image=crops.image.flip([2 + axis for axis in axes]),
        truth_mask=crops.truth_mask.flip([1 + axis for axis in axes]),
        labeled_mask=crops.labeled_mask.flip([1 + axis for axis in axes]),
    )


def as_layers_see(crops: Crops, mirrored: list[int], kind: Kind) -> Crops:
    """The crops, with the names of left and right exchanged where an odd number of axes is mirrored."""
    names = [other if (other := other_side(organ)) in kind else organ for organ in crops.organs]
    return replace(crops, organs=names) if len(mirrored) % 2 else crops


def other_side(organ: str) -> str:
    """The name of the organ on the other side: left for right."""
    sides = {"left": "right", "right": "left"}
    return "_".join(sides.get(word, word) for word in organ.split("_"))


def label_map(crops: Crops, kind: Kind) -> Tensor:
    """Class of every voxel [B, S, S, S]: 1 + the organ's place in `kind`, 0 for none."""
    labels = torch.zeros(len(crops.image), *crops.image.shape[2:], dtype=torch.long, device=crops.image.device)
    for organ, crop, mask in zip(crops.organs, crops.crop_index.tolist(), crops.truth_mask, strict=True):
        labels[crop][mask] = 1 + kind.index(organ)
    return labels


def segmentation_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy and soft Dice over the batch, of the organs that are there.

    Args:
        logits: [B, 1 + organs, *spatial]; labels: classes [B, *spatial].
    """
    probs, truth = logits.softmax(1), F.one_hot(labels, logits.shape[1]).movedim(-1, 1)
    overlap, total = (x.sum((0, 2, 3, 4))[1:] for x in (2 * probs * truth, probs + truth))
    is_there = truth.sum((0, 2, 3, 4))[1:] > 0
    dice = (overlap / total)[is_there].mean() if is_there.any() else logits.new_ones(())
    return F.cross_entropy(logits, labels) + 1 - dice
