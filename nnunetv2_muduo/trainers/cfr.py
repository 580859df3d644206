"""CFR: concatenate, fine-tune, re-train (Li et al. 2024, arXiv 2403.11229): a SAM of natural images labels every unlabeled patch.

    labeled cases ─► slices as one picture ─► SAM, LoRA and decoder ──► fine-tuned SAM, frozen
    unlabeled patch, moved and turned ─┬─► slices as one picture ─► fine-tuned SAM ─► labels ─► nnU-Net's loss
                                       └─► intensity augment ─► student ─► logits ─┴─► loss of another method

The other method is any of `METHODS`: its own trainer's code runs, in a class that is made of both. Own readings: the SAM sees
the patch before augmentation of intensity, as CFR's own patches have none; crops to fine-tune on are augmented as nnU-Net does.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from nnunetv2_muduo.config import from_zero, load_config, one_of, positive, weight
from nnunetv2_muduo.distillation.losses import disagreement, ramp_up
from nnunetv2_muduo.storage import file_digest
from nnunetv2_muduo.trainers.cps import nnUNetTrainerCPS
from nnunetv2_muduo.trainers.mean_teacher import nnUNetTrainerMeanTeacher
from nnunetv2_muduo.trainers.semi_supervised import SemiSupervisedTrainer, StepCosts, UnlabeledPatches
from nnunetv2_muduo.trainers.uncertainty_aware import UAMeanTeacherConfig, nnUNetTrainerUAMeanTeacher

if TYPE_CHECKING:  # prediction never needs it
    from nnunetv2_muduo.teachers.sam2d.network import SemanticSam

METHODS: dict[str, type[SemiSupervisedTrainer]] = {
    "mean_teacher": nnUNetTrainerMeanTeacher,
    "none": SemiSupervisedTrainer,
    "ua_mean_teacher": nnUNetTrainerUAMeanTeacher,
    "cps": nnUNetTrainerCPS,
}
"""What `semi_supervised_method` names."""


@dataclass(frozen=True)
class CFRConfig(UAMeanTeacherConfig):
    """CFR's choices, and those of the methods that it goes with."""

    consistency_weight: float = weight(1.0)
    """Weight of all that unlabeled patches teach, from the first step on. 0 is plain nnU-Net."""

    semi_supervised_method: str = one_of(*METHODS)
    """The method whose loss is added to that of the fine-tuned SAM's labels; `none`: these labels alone."""

    method_weight: float = weight(0.1)
    """Weight of that method's loss at the end of its ramp-up, against the loss of the SAM's labels."""

    sam: str = "vit_b"
    """SAM that is fine-tuned: `vit_b`, `vit_l`, `vit_h` (public weights), `tiny` (random weights, for two cores), or a folder or
    hub name with weights that Hugging Face's transformers reads."""

    sam_file: str | None = None
    """A SAM that `muduo teacher train2d` has fine-tuned on the fold's labeled cases. None: training makes it."""

    sam_iterations: int = positive(6000)
    """Iterations of the fine-tuning that training does."""

    sam_seed: int = from_zero(0)
    """Of the fine-tuning that training does: its crops and the weights that begin at random."""

    slice_axis: int | None = from_zero(None, most=2)
    """Axis of the patch (0 to 2) across which slices are cut. None: that of the largest spacing."""


class nnUNetTrainerCFR(SemiSupervisedTrainer):
    """nnU-Net's network, trained on labels, on a fine-tuned SAM's labels of unlabeled patches, and by another method."""

    config_class = CFRConfig
    wants_clean_view = needs_fine_tuned_sam = True
    logged = ("sam_disagreement", "method_losses")

    sam: "SemanticSam"
    """The fine-tuned SAM, from `before_training` on."""

    sam_digest: str | None = None
    """sha256 of its file; None until it is read."""

    _peers_loss: Tensor | float = 0.0

    def __new__(cls, *args, **kwargs):
        """An object of a class that is this one and the method's of the config."""
        return super().__new__(
            _joined(cls, METHODS[load_config(cls.config_overrides, cls.config_class).semi_supervised_method])
        )

    @classmethod
    def step_costs(cls, config: CFRConfig) -> StepCosts:
        return METHODS[config.semi_supervised_method].step_costs(config)

    # ------------------------------------------------------------------ a step

    def unlabeled_loss(self, student_logits: Tensor, patches: UnlabeledPatches) -> tuple[Tensor, dict]:
        self._labels = self.sam_labels(patches.clean_view)
        loss, measures = self.loss_of_labels(student_logits, self._labels), self.no_measures()
        if self.muduo_config.semi_supervised_method != "none":
            of_method, measured = super().unlabeled_loss(student_logits, patches)
            loss = loss + self.method_share() * of_method + self._peers_loss
            measures |= {**measured, "method_losses": of_method.detach().cpu().numpy()}
        student_labels = student_logits.detach().argmax(1, keepdim=True)
        return loss, {**measures, "sam_disagreement": disagreement(student_labels, self._labels)}

    def see_peers_logits(self, peer_logits: Tensor) -> None:
        """With CPS its second network learns the SAM's labels too."""
        self._peers_loss = self.loss_of_labels(peer_logits, self._labels)

    def sam_labels(self, view: Tensor) -> Tensor:
        """The fine-tuned SAM's labels [B, 1, a, b, c] (int16) of a view [B, C, a, b, c] without augmentation of intensity."""
        from nnunetv2_muduo.teachers.sam2d.labeling import label_crops

        with self._autocast():
            return label_crops(self.sam, view[:, self.seen_channels], self.slice_axis)

    def consistency_weight(self) -> float:
        """The config's, in every epoch: the SAM's labels teach from the first step on."""
        return self.muduo_config.consistency_weight

    def method_share(self) -> float:
        """Weight of the other method in this epoch, against the SAM's labels."""
        return self.muduo_config.method_weight * ramp_up(self.current_epoch, self.ramp_up_epochs)

    def _log_ramp_up(self) -> None:
        config = self.muduo_config
        self.print_to_log_file(
            f"Weight of the unlabeled loss: {config.consistency_weight:g} in all epochs; in it the loss of "
            f"{config.semi_supervised_method} rises to {config.method_weight:g} over the first {self.ramp_up_epochs:g} epochs."
        )

    # ------------------------------------------------------------------ the fine-tuned SAM

    def initialize(self):
        super().initialize()
        from nnunetv2_muduo.teachers.sam2d.slices import MOST_CHANNELS

        if len(self.seen_channels) > MOST_CHANNELS:
            raise NotImplementedError(
                f"{type(self).__name__}: a 2D SAM sees 1 to {MOST_CHANNELS} channels, not {len(self.seen_channels)}. Choose "
                "some with student_channels in the config."
            )

    @cached_property
    def slice_axis(self) -> int:
        """Axis of the patch across which slices are cut."""
        from nnunetv2_muduo.teachers.sam2d.slices import thickest_axis

        configured = self.muduo_config.slice_axis
        return thickest_axis(self.configuration_manager.spacing) if configured is None else configured

    @cached_property
    def sam_made_from(self) -> dict[str, Any]:
        """What the SAM that belongs to this training is made from."""
        from nnunetv2_muduo.trainers.fine_tuning import made_from, settings_of

        return made_from(self, settings_of(self.muduo_config))

    def require_slices_fit(self, canvas_size: int) -> None:
        """Raises ValueError where the patch's slices are larger than a SAM's canvas."""
        from nnunetv2_muduo.teachers.sam2d.slices import layout_of

        layout_of(self.patch_size, self.slice_axis, canvas_size)

    def missing_of_its_own(self) -> list[str]:
        from nnunetv2_muduo.trainers.fine_tuning import why_none

        reason = why_none(self)
        return [] if reason is None else [f"SAM to fine-tune: {reason}"]

    def make_its_own(self) -> None:
        from nnunetv2_muduo.trainers.fine_tuning import make_own

        make_own(self)

    def before_training(self) -> None:
        """Refuse what can't label first of all; read the fine-tuned SAM when it has been made."""
        from nnunetv2_muduo.teachers.sam2d.checkpoint import read_fine_tuned
        from nnunetv2_muduo.teachers.sam2d.network import require_transformers
        from nnunetv2_muduo.trainers.fine_tuning import fine_tuned_file, why_none

        require_transformers()
        why_none(self)
        super().before_training()
        file = fine_tuned_file(self)
        self.sam = read_fine_tuned(file).network().to(self.device)
        self.require_slices_fit(self.sam.canvas_size)
        self.sam_digest = file_digest(file)
        self.print_to_log_file(
            f"Fine-tuned SAM: {file} (sha256 {self.sam_digest}); slices across axis {self.slice_axis}."
        )

    def muduo_state(self) -> dict:
        return {**super().muduo_state(), "fine_tuned_sam": self.sam_digest}

    def accept_checkpoint(self, state: dict, path: Path) -> None:
        """The base's, and refuse to be taught on by another SAM; its file is known by its content: files move."""
        from nnunetv2_muduo.trainers.fine_tuning import fine_tuned_file

        file, then = fine_tuned_file(self), state.get("fine_tuned_sam")
        if then is not None and not self.is_finished and not (file.is_file() and file_digest(file) == then):
            raise ValueError(
                f"{path} was trained with the fine-tuned SAM of sha256 {then}, and {file} "
                f"{'is another one' if file.is_file() else 'is not there'}. Continuing would mix two trainings. Name the file in "
                "sam_file, restore the labels and the config that it was made from, or start anew without --c."
            )
        config = {**state["config"], "sam_file": self.muduo_config.sam_file}
        return super().accept_checkpoint({**state, "config": config}, path)


@cache
def _joined(trainer: type[nnUNetTrainerCFR], method: type[SemiSupervisedTrainer]) -> type[nnUNetTrainerCFR]:
    """A class of the trainer's name, after which nnU-Net names folders, with the method's code below its own."""
    if issubclass(trainer, method):
        return trainer
    own = {"logged": (*trainer.logged, *method.logged), "__module__": trainer.__module__, "__doc__": trainer.__doc__}
    return type(trainer.__name__, (trainer, method), own)
