"""Cross pseudo supervision, CPS (Chen et al. 2021, arXiv 2106.01226): two networks learn from each other's hard labels.

    labeled patch ───► both networks, each with nnU-Net's loss
    unlabeled patch ─┬► network 1 ─► labels ─► cross-entropy of network 2
                     └► network 2 ─► labels ─► cross-entropy of network 1

Own reading: unlabeled patches alone are cross-supervised, as in MuDuo's port (the paper also takes labeled ones). Both
networks start with nnU-Net's initial weights, drawn twice. The better one on the validation patches, by the moving average of
its pseudo Dice, stands in the student's place: it is what is validated, predicts and is exported (the port keeps both; with
fold all the validation patches are of training cases).
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from nnunetv2_muduo.config import TrainingConfig, weight
from nnunetv2_muduo.distillation.losses import disagreement
from nnunetv2_muduo.trainers import distributed
from nnunetv2_muduo.trainers.pseudo_dice import following_average, mean_pseudo_dice
from nnunetv2_muduo.trainers.semi_supervised import SemiSupervisedTrainer, StepCosts, UnlabeledPatches

_OF_A_NETWORK = ("network", "optimizer", "lr_scheduler", "network_number", "dice_average")
_PEERS = "peer_"  # beginning of the peer's keys in the outputs of a validation step


@dataclass(frozen=True)
class CPSConfig(TrainingConfig):
    """Choices of cross pseudo supervision."""

    consistency_weight: float = weight(0.1)
    """Weight of the unlabeled loss at the end of its ramp-up, against nnU-Net's loss. 0: two trainings of plain nnU-Net."""


class nnUNetTrainerCPS(SemiSupervisedTrainer):
    """Two networks of different initial weights, each with an optimizer; of each the other one is the peer."""

    config_class = CPSConfig
    logged = ("disagreement",)

    network_number: int = 1
    """Which of the two stands in the student's place."""

    dice_average: float = math.nan
    """Moving average of the student's pseudo Dice on validation patches, NaN before the first."""

    @classmethod
    def step_costs(cls, config: TrainingConfig) -> StepCosts:
        return StepCosts(n_networks=2)

    # ------------------------------------------------------------------ a step

    def learn_from_labels(self, batch: dict):
        loss = super().learn_from_labels(batch)
        with self.peer_in_students_place():
            peer_loss = super().learn_from_labels(batch)
        return loss if np.isfinite(peer_loss).all() else peer_loss  # a step fails with either

    def unlabeled_loss(self, student_logits: Tensor, patches: UnlabeledPatches) -> tuple[Tensor, dict]:
        with self._autocast():
            output = self.peer["network"](patches.student_view)
        peer_logits = self.full_resolution(output).float()
        labels, peer_labels = student_logits.detach().argmax(1), peer_logits.detach().argmax(1)
        loss = F.cross_entropy(student_logits, peer_labels) + F.cross_entropy(peer_logits, labels) + self._tie(output)
        self.see_peers_logits(peer_logits)
        return loss, {"disagreement": disagreement(labels, peer_labels)}

    def see_peers_logits(self, peer_logits: Tensor) -> None:
        """The peer's logits of the unlabeled patches, with gradient. For methods that this one is joined with."""

    def networks(self) -> list[nn.Module]:
        return [self.network, self.peer["network"]]

    def optimizers(self) -> list[Optimizer]:
        return [self.optimizer, self.peer["optimizer"]]

    # ------------------------------------------------------------------ two networks

    def initialize(self):
        super().initialize()
        # Own random numbers, so that a second network changes nothing about the first.
        with torch.random.fork_rng(devices=[]):
            self.peer = {"network": self._second_network(), "network_number": 2, "dice_average": math.nan}
        self.peer |= dict.fromkeys(
            ("optimizer", "lr_scheduler")
        )  # which nnU-Net makes for what stands in the student's place
        with self.peer_in_students_place():
            self.optimizer, self.lr_scheduler = self.configure_optimizers()

    def _second_network(self) -> nn.Module:
        network = self.build_network_architecture(
            self.plans_manager,
            self.configuration_manager,
            self.num_input_channels,
            self.label_manager.num_segmentation_heads,
            self.enable_deep_supervision,
        ).to(self.device)
        network = torch.compile(network) if self._do_i_compile() else network
        return distributed.wrap(network, self.device) if self.is_ddp else network

    @contextmanager
    def peer_in_students_place(self) -> Iterator[None]:
        """For what nnU-Net does with its network: the peer is the student, and the student the peer."""
        self.change_places()
        try:
            yield
        finally:
            self.change_places()

    def change_places(self) -> None:
        """Make the peer the student and the student the peer."""
        student = {name: getattr(self, name) for name in _OF_A_NETWORK}
        vars(self).update(self.peer)
        self.peer = student

    def before_training(self) -> None:
        super().before_training()
        if self.fold == "all":
            self.print_to_log_file(
                "Fold all has no validation cases of its own: the better network is chosen by patches that both learn from."
            )

    def on_train_epoch_start(self):
        super().on_train_epoch_start()
        self.peer["network"].train()
        self.peer["lr_scheduler"].step(self.current_epoch)

    # ------------------------------------------------------------------ the better one

    def on_validation_epoch_start(self):
        super().on_validation_epoch_start()
        self.peer["network"].eval()

    def validation_step(self, batch: dict) -> dict:
        """nnU-Net's, of both networks on the same patches."""
        target = batch["target"]  # in which nnU-Net's step replaces what is to be ignored
        copied = [part.clone() for part in target] if isinstance(target, list) else target.clone()
        outputs = super().validation_step({**batch, "target": copied})
        with self.peer_in_students_place():
            of_peer = super().validation_step(batch)
        return outputs | {f"{_PEERS}{key}": value for key, value in of_peer.items()}

    def on_validation_epoch_end(self, val_outputs: list[dict]):
        """nnU-Net's, of the network that is the better one from now on."""
        own = [{key: value for key, value in o.items() if not key.startswith(_PEERS)} for o in val_outputs]
        of_peer = [{key: o[f"{_PEERS}{key}"] for key in kept} for o, kept in zip(val_outputs, own, strict=True)]
        self.dice_average = following_average(self.dice_average, mean_pseudo_dice(own))
        self.peer["dice_average"] = following_average(self.peer["dice_average"], mean_pseudo_dice(of_peer))
        if self.muduo_config.consistency_weight > 0 and self.peer["dice_average"] > self.dice_average:
            self.change_places()
            own = of_peer
            self.print_to_log_file(
                f"Network {self.network_number} is the better one on validation patches from now on (moving average of the "
                f"pseudo Dice {self.dice_average:.4f}, the other {self.peer['dice_average']:.4f})."
            )
        super().on_validation_epoch_end(own)

    def on_train_end(self):
        super().on_train_end()
        self.print_to_log_file(f"Network {self.network_number} of 2 is what predicts and is exported.")

    # ------------------------------------------------------------------ continuing

    def own_state(self) -> dict:
        peer = {"network": distributed.bare(self.peer["network"]), "optimizer": self.peer["optimizer"]}
        return {
            "student": {"network_number": self.network_number, "dice_average": self.dice_average},
            "peer": {
                **{name: part.state_dict() for name, part in peer.items()},
                "network_number": self.peer["network_number"],
                "dice_average": self.peer["dice_average"],
            },
        }

    def restore(self, state: dict) -> None:
        vars(self).update(state["student"])
        distributed.bare(self.peer["network"]).load_state_dict(state["peer"]["network"])
        self.peer["optimizer"].load_state_dict(state["peer"]["optimizer"])
        self.peer |= {name: state["peer"][name] for name in ("network_number", "dice_average")}
