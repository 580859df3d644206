"""SASSNet (Li et al. 2020, arXiv 2007.10732): shapes of unlabeled patches should be such that they pass for labeled ones.

    labeled patch ───► student ─┬─► logits ─► nnU-Net's loss
                                └─► shape head ─► signed distances ─► squared difference from the labels' own
    unlabeled patch ─► student ─┴─► shape head ─► signed distances ─► discriminator ─► "labeled?"

Own reading: the paper has one organ, a head with one map and zeros where a patch has no organ; here there is a map per organ,
and an organ that is not there lies far away everywhere. The discriminator pools whatever size is left (that of SSL4MIS sees
a corner of a 128^3 patch) and learns from the maps that the step has made already, where the paper makes them anew after it.
Of labeled patches it sees those that nnU-Net draws anywhere, as the paper draws all: where a patch lies would give it away.
The student is optimized by nnU-Net's loss, SGD and schedule. MuDuo's release has no code for this row of its table.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nnunetv2_muduo.config import TrainingConfig, positive, weight
from nnunetv2_muduo.data.signed_distances import SignedDistancesTransform, targets_and_distances
from nnunetv2_muduo.trainers import distributed
from nnunetv2_muduo.trainers.discriminator import LABELED, Discriminator, classes, equal_say
from nnunetv2_muduo.trainers.semi_supervised import SemiSupervisedTrainer, UnlabeledPatches
from nnunetv2_muduo.trainers.unsupported import part_of


@dataclass(frozen=True)
class SASSNetConfig(TrainingConfig):
    """SASSNet's choices."""

    consistency_weight: float = weight(0.01)
    """Weight of passing for labeled at the end of its ramp-up, against nnU-Net's loss. 0: plain nnU-Net, without shape head."""

    shape_weight: float = weight(0.3)
    """Weight of the labels' signed distances against nnU-Net's loss (the paper's beta)."""

    discriminator_learning_rate: float = positive(1e-4)
    """Learning rate of the discriminator's Adam."""


class nnUNetTrainerSASSNet(SemiSupervisedTrainer):
    """nnU-Net's network with a second head of signed distances, and a discriminator that judges them."""

    config_class = SASSNetConfig
    logged = ("taken_for_labeled",)

    # ------------------------------------------------------------------ a step

    def labeled_loss(self, data: Tensor, target: list[Tensor]) -> Tensor:
        """nnU-Net's, and the squared difference of the shape head's maps from the labels' signed distances."""
        if not self.has_shapes:
            return super().labeled_loss(data, target)
        target, distances = targets_and_distances(target)
        loss = super().labeled_loss(data, target)
        maps = self.distance_maps()
        n = self.n_drawn_at_random(len(maps))
        self.seen_labeled = maps[:n].detach(), data[:n, self.judged_channels]
        return loss + self.muduo_config.shape_weight * self.shape_loss(maps, distances, target)

    def n_drawn_at_random(self, batch_size: int) -> int:
        """How many patches of a labeled batch, the first ones, nnU-Net's loader draws anywhere; the others are around organs.

        The discriminator sees these alone: unlabeled patches lie anywhere, and where a patch lies should not tell it which it
        is. All of the batch, where the loader draws every patch around organs; of several GPUs some may have none of them.
        """
        n = round(batch_size * (1 - self.oversample_foreground_percent))
        return n if n or self.is_ddp else batch_size

    def shape_loss(self, maps: Tensor, distances: Tensor, target: Tensor | list[Tensor]) -> Tensor:
        """Mean squared difference of signed distances [B, n_organs, a, b, c], without voxels that are to be ignored."""
        if not self.label_manager.has_ignore_label:
            return F.mse_loss(maps, distances)
        labels = target[0] if isinstance(target, list) else target
        known = labels != self.label_manager.ignore_label
        return ((maps - distances).square() * known).sum() / (known.sum() * maps.shape[1]).clamp(min=1)

    def unlabeled_loss(self, student_logits: Tensor, patches: UnlabeledPatches) -> tuple[Tensor, dict]:
        maps, image = self.distance_maps(), patches.student_view[:, self.judged_channels]
        self.seen_unlabeled = maps.detach(), image
        judge = distributed.bare(self.discriminator).requires_grad_(False).eval()
        judged_logits = judge(maps, image)
        pretended = torch.full((len(maps),), LABELED, device=maps.device)
        loss = F.cross_entropy(judged_logits, pretended) + 0.0 * student_logits.mean()
        return loss, {"taken_for_labeled": judged_logits.detach().softmax(1)[:, LABELED].mean().cpu().numpy()}

    def distance_maps(self) -> Tensor:
        """Signed distances [B, n_organs, a, b, c] of the patches that the student has just seen, in [-1, 1], float32."""
        features, self.decoder_features = self.decoder_features, None
        with self._autocast():
            maps = self.shape_head(features)
        return maps.float().tanh()

    def on_student_updated(self) -> None:
        """The discriminator's step, on the maps of both halves."""
        if self.has_shapes and self.seen_unlabeled is not None:
            (labeled_maps, labeled_images), (maps, images) = self.seen_labeled, self.seen_unlabeled
            self.discriminator.requires_grad_(True).train()
            logits = self.discriminator(torch.cat([labeled_maps, maps]), torch.cat([labeled_images, images]))
            truth = classes(len(labeled_maps), len(maps), logits.device)
            self.discriminator_optimizer.zero_grad(set_to_none=True)
            n_everywhere = distributed.sum_over_ranks(np.array([len(maps), len(labeled_maps)]))
            weights = distributed.world_size() * equal_say(truth, n_everywhere)
            (weights * F.cross_entropy(logits, truth, reduction="none")).sum().backward()
            norm = nn.utils.clip_grad_norm_(self.discriminator.parameters(), math.inf)  # measured, nothing is clipped
            if bool(norm.isfinite()):
                self.discriminator_optimizer.step()

    def forget_gradients(self) -> None:
        """And the maps of the step before, also of one that was left out."""
        super().forget_gradients()
        self.seen_labeled = self.seen_unlabeled = None

    def networks(self) -> list[nn.Module]:
        return [self.network, self.shape_head] if self.has_shapes else [self.network]

    # ------------------------------------------------------------------ around the steps

    def initialize(self):
        super().initialize()
        self.seen_labeled = self.seen_unlabeled = None
        if self.has_shapes:
            # Own random numbers, so that further networks change nothing about the student.
            with torch.random.fork_rng(devices=[]):
                self._add_shape_head()
                self._add_discriminator()

    @property
    def has_shapes(self) -> bool:
        """Whether there are shapes to learn; with weight 0 the training is plain nnU-Net."""
        return self._as_trained("consistency_weight") > 0

    def _add_shape_head(self) -> None:
        """A head beside the last segmentation layer. It is no part of the network, whose weights stay nnU-Net's."""
        last_layer = part_of(distributed.bare(self.network), "decoder.seg_layers", type(self).__name__)[-1]
        last_layer.register_forward_pre_hook(self._keep_features)
        head = nn.Conv3d(last_layer.in_channels, len(self.organ_labels), 1).to(self.device)
        self.optimizer.add_param_group({"params": head.parameters()})
        self.shape_head = distributed.wrap(head, self.device) if self.is_ddp else head

    def _add_discriminator(self) -> None:
        self.judged_channels = self.seen_channels
        judge = Discriminator(len(self.organ_labels), len(self.judged_channels), self.patch_size).to(self.device)
        rate = self.muduo_config.discriminator_learning_rate
        self.discriminator_optimizer = torch.optim.Adam(judge.parameters(), rate, betas=(0.9, 0.99))
        self.discriminator = distributed.wrap(judge, self.device) if self.is_ddp else judge

    def _keep_features(self, _layer: nn.Module, inputs: tuple[Tensor]) -> None:
        self.decoder_features = inputs[0] if torch.is_grad_enabled() else None

    def _do_i_compile(self) -> bool:
        return False  # a compiled network does not hand out its features

    def _transforms_as_wanted(self, *args, **options):
        """The base's, whichever of nnU-Net's variants comes first, and the labels' signed distances after them."""
        transforms = super()._transforms_as_wanted(*args, **options)
        if self.has_shapes:
            transforms.transforms.append(SignedDistancesTransform(self.organ_labels))
        return transforms

    def own_state(self) -> dict:
        return {name: part.state_dict() for name, part in self._parts().items()}

    def restore(self, state: dict) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict:
        """What must survive `--c` beside the student."""
        if not self.has_shapes:
            return {}
        return {
            "shape_head": distributed.bare(self.shape_head),
            "discriminator": distributed.bare(self.discriminator),
            "discriminator_optimizer": self.discriminator_optimizer,
        }
