"""Step of a semi-supervised training, and the contract of its methods: a few labels, many unlabeled patches, one student.

    labeled patch ── augment ────────────────────────────► student ─► nnU-Net's loss ─► backward
    unlabeled patch ─ spatial augment ─┬─ intensity augment ► student ─► logits ─► the method's unlabeled loss ─► backward
                                       └─ the same patch in physical units, prompt map: for methods that want them

The two halves of a step run forward and backward one after the other, so that peak memory stays that of plain nnU-Net; with
instance norm the sum of their gradients is that of one joint step. A method is a subclass that writes `unlabeled_loss`.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from batchgenerators.dataloading.nondet_multi_threaded_augmenter import NonDetMultiThreadedAugmenter
from nnunetv2.utilities.collate_outputs import collate_outputs
from torch import Tensor

from nnunetv2_muduo.config import TrainingConfig
from nnunetv2_muduo.data.excluded_cases import refuse_too_many
from nnunetv2_muduo.data.generator_identity import GENERATOR_RECORD
from nnunetv2_muduo.data.loader import IsolatedRandomness
from nnunetv2_muduo.data.prompt_maps import require_prompt_maps
from nnunetv2_muduo.data.unlabeled import physical_channels
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset
from nnunetv2_muduo.data.views import split_views
from nnunetv2_muduo.distillation.losses import ramp_up
from nnunetv2_muduo.storage import write_json
from nnunetv2_muduo.trainers import distributed, pictures, prepare
from nnunetv2_muduo.trainers.base import MuDuoTrainer
from nnunetv2_muduo.trainers.other_generator import refuse_other_generator
from nnunetv2_muduo.trainers.requirements import Preparation
from nnunetv2_muduo.trainers.schedule import generator_schedule
from nnunetv2_muduo.trainers.stepping import finite_steps
from nnunetv2_muduo.trainers.unlabeled_loading import start_unlabeled_loader, unlabeled_left_right_axes

RAMP_UP_SHARE = 0.2  # of the training: 200 of 1000 epochs


@dataclass(frozen=True)
class UnlabeledPatches:
    """A batch of B unlabeled patches [a, b, c].

    student_view: what the student sees [B, C, a, b, c], on the trainer's device.
    physical: "ct" in HU and "pet" in SUV [B, 1, a, b, c], likewise; empty for methods without teachers.
    prompt_map: organ labels [B, 1, a, b, c] (int16) on the CPU; None for methods without prompt generator.
    clean_view: the student's view without augmentation of intensity; None for methods that don't want it.
    """

    student_view: Tensor
    physical: dict[str, Tensor]
    prompt_map: Tensor | None
    clean_view: Tensor | None = None


@dataclass(frozen=True)
class StepCosts:
    """What a method's step costs beside plain nnU-Net's on both halves, teachers aside; `muduo check` asks.

    n_networks: that learn from both halves, the student among them.
    further_passes: of a network like the student over the unlabeled patches, without gradients.
    """

    n_networks: int = 1
    further_passes: int = 0


class SemiSupervisedTrainer(MuDuoTrainer):
    """nnU-Net's network trained on labeled and unlabeled cases. Subclasses say what unlabeled patches teach, and log it."""

    needs_unlabeled = True

    prompt_generator: str | None = None
    """Trainer of the generator whose maps of the unlabeled cases the method needs; a short schedule names a short one."""

    @cached_property
    def unlabeled_cases(self) -> list[str]:
        """Names of the unlabeled cases that teach; a method may leave some out before the training."""
        return sorted(self.preparation.unlabeled_files)

    made_by: dict | None = None
    """Identity and ID of the prompt generator, from the start of the training on."""

    wants_clean_view: bool = False
    """Whether unlabeled patches come with a view that augmentation of intensity leaves alone."""

    logged: tuple[str, ...] = ()
    """The method's own curves, beside loss and ramp-up weight."""

    # ------------------------------------------------------------------ a step

    def train_step(self, batch: dict) -> dict:
        """One step on a labeled batch (nnU-Net's own loss, see `stepping`) and the next unlabeled one."""
        weight = self.consistency_weight()
        self.forget_gradients()
        with self._gradients_stay_local(weight > 0):
            supervised_loss = self.learn_from_labels(batch)
        outcome = self.learn_from_unlabeled(self.next_unlabeled(), weight) if weight > 0 else self._no_outcome()
        finite = self.update_student(supervised_loss, outcome["consistency_loss"])
        return {"loss": supervised_loss, "finite": finite, **outcome}

    def learn_from_unlabeled(self, batch: dict, weight: float) -> dict:
        """The gradients of the weighted `unlabeled_loss`, and what it measured."""
        data = self._to_device(batch["data"])
        n_channels = self.num_input_channels
        views = split_views(data[:, : n_channels + len(self.physical)], n_channels)
        patches = UnlabeledPatches(
            student_view=views[0],
            physical=dict(zip(self.physical, views[1:], strict=True)),
            prompt_map=batch["target"] if self.prompt_generator else None,
            clean_view=data[:, -n_channels:] if self.wants_clean_view else None,
        )
        with self._autocast():
            output = self.network(patches.student_view)
        loss, measures = self.unlabeled_loss(self.full_resolution(output).float(), patches)
        loss = loss * distributed.share_weight(len(patches.student_view))
        self._backward(weight * loss + self._tie(output))
        return {"consistency_loss": loss.detach().cpu().numpy(), **measures}

    def unlabeled_loss(self, student_logits: Tensor, patches: UnlabeledPatches) -> tuple[Tensor, dict[str, np.ndarray]]:
        """What unlabeled patches teach; the one method that a subclass must write.

        Args:
            student_logits: [B, 1 + n_organs, a, b, c], float32, with gradient.

        Returns:
            A scalar that depends on `student_logits`, a mean over the B patches (of the patches of all GPUs, where there are
            several, the mean is taken outside), and measures of the step for `epoch_measures`.
        """
        raise NotImplementedError

    def loss_of_labels(self, logits: Tensor, labels: Tensor) -> Tensor:
        """nnU-Net's own loss, at full resolution, of logits [B, 1 + n_organs, a, b, c] against labels [B, 1, a, b, c]."""
        loss_of_a_resolution = self.loss.loss if self.enable_deep_supervision else self.loss
        return loss_of_a_resolution(logits, labels)

    def next_unlabeled(self) -> dict:
        """The next unlabeled batch. A case that its loader had to leave out is named in the log.

        Raises:
            RuntimeError: more than 5 % of the unlabeled cases can't be read; they are listed.
        """
        batch = next(self.dataloader_unlabeled)
        for case in batch["damaged"].keys() - self.damaged_cases.keys():
            self.damaged_cases[case] = batch["damaged"][case]
            self.print_to_log_file(f"{self.damaged_cases[case]} It is left out from now on.")
            refuse_too_many(self.damaged_cases, self.unlabeled_cases)
        return batch

    def consistency_weight(self) -> float:
        """Weight of the unlabeled loss in this epoch (MuDuo's eq. 8)."""
        return self.muduo_config.consistency_weight * ramp_up(self.current_epoch, self.ramp_up_epochs)

    @property
    def ramp_up_epochs(self) -> float:
        """Epochs over which the weight rises: the config's, or a fifth of the training."""
        return self.muduo_config.ramp_up_epochs or RAMP_UP_SHARE * self.num_epochs

    def full_resolution(self, output: Tensor | list[Tensor]) -> Tensor:
        """The logits of a patch in what a network with or without deep supervision gives."""
        return output[0] if self.enable_deep_supervision else output

    def _gradients_stay_local(self, more_to_come: bool):
        """Under DDP the first half's gradients wait for the second's, and are reduced once."""
        waiting = ExitStack()
        for network in self.networks() if self.is_ddp and more_to_come else ():
            waiting.enter_context(network.no_sync())
        return waiting

    def _tie(self, output) -> Tensor | float:
        """Zero that depends on every deep-supervision output, so that DDP sees a gradient for each parameter."""
        return 0.0 * sum(o.float().mean() for o in output) if self.is_ddp and self.enable_deep_supervision else 0.0

    def _no_outcome(self) -> dict:
        return {"consistency_loss": np.float32(0), **self.no_measures()}

    # ------------------------------------------------------------------ around the steps

    def initialize(self):
        super().initialize()
        channels = physical_channels(self.configuration_manager, self.dataset_json) if self.needs_teachers else {}
        self.physical = {modality.key: channel for channel, modality in channels.items()}
        self.damaged_cases: dict[str, str] = {}
        self.preparation = Preparation(self, self.prompt_generator)
        self.dataloader_unlabeled = None  # -> get_dataloaders
        for key in self._curves:
            self.logger.local_logger.my_fantastic_logging.setdefault(key, [])

    def before_training(self) -> None:
        """Make what is still missing."""
        super().before_training()
        prepare.prepare_on_first_rank(self)
        if self.prompt_generator:
            require_prompt_maps(self.preparation.prompt_map_folder, self.preparation.identity)
            self.made_by = self.preparation.made_by
            self._record_generator()
        if self.local_rank == 0:
            self.preparation.log_raw_files()
        self.preparation.log_excluded()
        self._log_ramp_up()

    def _record_generator(self) -> None:
        """Name the generator beside the checkpoints too, from the first step on: `muduo prepare --clean` then keeps it."""
        if self.local_rank == 0:
            write_json(self.made_by, Path(self.output_folder, GENERATOR_RECORD))

    def missing_of_its_own(self) -> list[str]:
        """What still has to be made beside prepared cases and prompt maps, in words. For subclasses."""
        return []

    def make_its_own(self) -> None:
        """Make it, in `muduo prepare`. For subclasses."""

    def muduo_state(self) -> dict:
        return {**super().muduo_state(), "prompt_generator": self.made_by}

    def accept_checkpoint(self, state: dict, path: Path) -> None:
        """The base's, and refuse to be taught on by another prompt generator's maps; 0.1 did not note whose."""
        super().accept_checkpoint(state, path)
        self.made_by = state.get("prompt_generator")
        if self.made_by is not None and not self.is_finished:
            refuse_other_generator(self.preparation, self.made_by, path)

    @classmethod
    def generators(cls, config: TrainingConfig) -> tuple[str, ...]:
        """Trainers of the generators that a training with a config needs, in the order in which they are trained."""
        return (cls.prompt_generator,) if cls.prompt_generator else ()

    @classmethod
    def step_costs(cls, config: TrainingConfig) -> StepCosts:
        """What a step costs with a config. For subclasses."""
        return StepCosts()

    def generator_schedule(self) -> list[int]:
        """Epochs, and iterations of each, of the method's prompt generator."""
        return generator_schedule(self)

    def _log_ramp_up(self) -> None:
        weight, n = self.muduo_config.consistency_weight, self.ramp_up_epochs
        reached = ramp_up(self.num_epochs - 1, n)
        self.print_to_log_file(
            f"Weight of the unlabeled loss: rises to {weight:g} over the first {n:g} of {self.num_epochs} epochs"
            + (f"; it ends at {reached:.1%} of that." if n > self.num_epochs else ".")
        )

    def _left_right_axes(self) -> set[int]:
        """Axes from side to side over labeled and unlabeled cases."""
        folder, transpose_forward = self.preparation.unlabeled_folder, self.plans_manager.transpose_forward
        return super()._left_right_axes() | unlabeled_left_right_axes(folder, transpose_forward)

    def get_dataloaders(self):
        """nnU-Net's loaders of labeled cases, and one of unlabeled cases that shares their worker processes."""
        with start_unlabeled_loader(self):
            return super().get_dataloaders()

    def unlabeled_dataset(self) -> UnlabeledDataset:
        """The unlabeled cases that teach, in the order of their names."""
        folders = self.preparation.unlabeled_folder, self.preparation.prompt_map_folder
        return UnlabeledDataset(*folders, self.unlabeled_cases, list(self.physical.values()))

    def on_train_epoch_end(self, train_outputs: list[dict]):
        """Log what unlabeled patches taught in this epoch beside nnU-Net's losses."""
        super().on_train_epoch_end(train_outputs)
        outputs = collate_outputs(finite_steps(train_outputs))
        loss = distributed.mean_over_ranks(float(np.mean(outputs["consistency_loss"])))
        values = {
            "consistency_losses": loss,
            "ramp_up_weights": self.consistency_weight(),
            **self.epoch_measures(outputs),
        }
        for key in self._curves:
            self.logger.log(key, values[key], self.current_epoch)
        self.print_to_log_file(f"consistency_loss {loss:.4f}, weight {values['ramp_up_weights']:.5f}")

    def epoch_measures(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """Values of an epoch by the keys in `logged`, from the collated measures of its steps. Their means, if not overridden."""
        return {key: distributed.mean_over_ranks(float(np.mean(outputs[key]))) for key in self.logged}

    def no_measures(self) -> dict[str, Any]:
        """What `unlabeled_loss` measures in a step without an unlabeled half."""
        return dict.fromkeys(self.logged, np.float32("nan"))

    @property
    def _curves(self) -> tuple[str, ...]:
        return ("consistency_losses", "ramp_up_weights", *self.logged)

    def on_epoch_end(self):
        super().on_epoch_end()
        self.draw(epoch=self.current_epoch - 1)

    def draw(self, epoch: int) -> None:
        """Draw what is due after an epoch."""
        pictures.draw_progress(self, epoch)

    def random_states(self) -> dict:
        """Those of nnU-Net, and of unlabeled patches drawn in this process."""
        own = {"unlabeled": self.dataloader_unlabeled.states} if self._draws_here else {}
        return {**super().random_states(), **own}

    def set_random_states(self, states: dict) -> None:
        super().set_random_states(states)
        if "unlabeled" in states and self._draws_here:
            self.dataloader_unlabeled.states = states["unlabeled"]

    @property
    def _draws_here(self) -> bool:
        return isinstance(self.dataloader_unlabeled, IsolatedRandomness)

    def on_train_end(self):
        super().on_train_end()
        if isinstance(self.dataloader_unlabeled, NonDetMultiThreadedAugmenter):
            self.dataloader_unlabeled._finish()
