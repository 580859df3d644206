"""SAM-Med3D's training of a promptable teacher (docs/teachers.md), on all organs of a crop at once."""

from dataclasses import asdict, replace
from pathlib import Path

import torch
from tqdm import tqdm

from nnunetv2_muduo.teacher_training.absent import with_absent_organs
from nnunetv2_muduo.teacher_training.checkpoints import load_last, require_as_begun, save_best, save_last
from nnunetv2_muduo.teacher_training.confident_learning import rectified_mask
from nnunetv2_muduo.teacher_training.crops import Cropper, Crops
from nnunetv2_muduo.teacher_training.finite_steps import step_where_finite
from nnunetv2_muduo.teacher_training.half_precision import half_where_possible
from nnunetv2_muduo.teacher_training.losses import sum_over_rounds
from nnunetv2_muduo.teacher_training.report import write_report
from nnunetv2_muduo.teacher_training.rounds import training_rounds
from nnunetv2_muduo.teacher_training.settings import TrainingSettings
from nnunetv2_muduo.teacher_training.simulated_student_masks import simulated_student_probs
from nnunetv2_muduo.teacher_training.validation import held_out_crops, mean_of_prompts, validate
from nnunetv2_muduo.teacher_training.volumes import Volume
from nnunetv2_muduo.teachers.sam3d.model import Sam3DTeacher

TRUE_MASK_PART = 0.15  # of the masks that a teacher is asked with from outside


class TeacherTraining:
    """One training, from its beginning or from where it stopped.

    Args:
        teacher: the network, trained in place. settings: how.
        train, held_out: volumes to learn from, and to measure on.
        folder: where checkpoints, figures and table go.
        noisy_names: cases whose labels are of low quality.
    """

    def __init__(
        self,
        teacher: Sam3DTeacher,
        settings: TrainingSettings,
        train: list[Volume],
        held_out: list[Volume],
        folder: Path,
        noisy_names: frozenset[str] = frozenset(),
    ):
        self.teacher, self.settings, self.volumes, self.folder = teacher.requires_grad_(True), settings, train, folder
        self.device, self.noisy_names = next(teacher.parameters()).device, noisy_names
        all_organs = Cropper(settings.modality, teacher.image_size, 256, noisy_names)
        self.cropper = replace(all_organs, max_organs=settings.max_organs, randomize=settings.randomize)
        self.held_out = held_out_crops(held_out, all_organs, settings.n_validation_crops)
        self.optimizer = _optimizer(teacher, settings)
        self.crop_generator = torch.Generator().manual_seed(settings.seed)
        self.prompt_generator = torch.Generator(self.device).manual_seed(settings.seed)
        self.iteration, self.history, self.losses, self.n_skipped = 0, [], [], 0

    def run(self) -> None:
        """Train to the end, validating and saving on the way."""
        settings = self.settings
        with tqdm(total=settings.n_iterations, initial=self.iteration, unit="it", disable=None) as progress:
            while self.part_done() < 1:
                self.losses.append(self.step())
                progress.update()
                progress.set_postfix(loss=f"{self.losses[-1]:.2f}", refresh=False)
                if self.iteration % settings.validate_every == 0 or self.part_done() >= 1:
                    self.validate_and_save(progress.write)

    def part_done(self) -> float:
        """How much of the training is behind, from 0 to 1."""
        return self.iteration / self.settings.n_iterations

    def step(self) -> float:
        """One update of the weights; returns the batch's loss."""
        batch_size, total = self.settings.batch_size, 0.0
        self._set_learning_rates()
        self.optimizer.zero_grad()
        for start in range(0, batch_size, self.settings.crops_at_once):
            n_crops = min(self.settings.crops_at_once, batch_size - start)
            crops = self.cropper.random_crops(self.volumes_of_batch(), n_crops, self.crop_generator)
            if crops.organs:
                loss = self.loss(crops.to(self.device)) * n_crops / batch_size
                loss.backward()
                total += float(loss.detach())
        self.n_skipped = step_where_finite(self.optimizer, self.n_skipped)
        self.iteration += 1
        return total

    def volumes_of_batch(self) -> list[Volume]:
        """Volumes that the next crops are cut from."""
        return self.volumes

    def loss(self, crops: Crops) -> torch.Tensor:
        """Sum over rounds, mean over the organs of the crops."""
        return self.loss_of_prompts(self.encode(crops.image), crops)

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """One embedding per crop."""
        with half_where_possible(self.device):
            return self.teacher.encode(image).float()

    def loss_of_prompts(self, embeddings: torch.Tensor, crops: Crops) -> torch.Tensor:
        """Loss of the answers to prompts for the crops' organs, from the crops' embeddings."""
        settings, generator = self.settings, self.prompt_generator
        maps = self._some_true(self.maps_of_a_student(crops), crops) if settings.student_like_prompts else None
        crops, first = with_absent_organs(crops, maps, settings.absent_fraction, generator)
        organs = crops.truth_mask, crops.crop_index
        rounds = training_rounds(self.teacher, embeddings, *organs, first, settings, generator)
        rectified = self.rectified_mask(embeddings, crops) if crops.is_noisy.any() else None
        return sum_over_rounds(rounds, crops.truth_mask, rectified)

    def rectified_mask(self, embeddings: torch.Tensor, crops: Crops) -> torch.Tensor:
        """The organs' labels, those of low quality rectified."""
        of_organs = embeddings[crops.crop_index], crops.truth_mask, crops.is_noisy
        return rectified_mask(self.teacher, *of_organs, self.prompt_generator)

    def _some_true(self, maps: torch.Tensor, crops: Crops) -> torch.Tensor:
        """The maps, of which a part is what a perfect student would give."""
        draws = torch.rand(len(maps), 1, 1, 1, generator=self.prompt_generator, device=maps.device)
        return torch.where(draws < TRUE_MASK_PART, crops.truth_mask.to(maps.dtype), maps)

    def maps_of_a_student(self, crops: Crops) -> torch.Tensor:
        """Probabilities [N, S, S, S] as a student might give them to the crops' organs."""
        return simulated_student_probs(crops.truth_mask, crops.crop_index, self.prompt_generator)

    def rates(self, done: float) -> tuple[float, ...]:
        """Learning rates of the optimizer's groups when a part of the training is done."""
        n_drops = sum(done >= part for part in self.settings.lr_drops)
        return self.settings.lr * 0.1**n_drops, self.settings.decoder_lr * 0.1**n_drops

    def _set_learning_rates(self) -> None:
        for group, rate in zip(self.optimizer.param_groups, self.rates(self.part_done()), strict=True):
            group["lr"] = rate

    def validate_and_save(self, log) -> None:
        """Measure on the held-out crops, log it, save."""
        dice = validate(self.teacher, self.held_out, self.device)
        loss, self.losses = sum(self.losses) / max(len(self.losses), 1), []
        best_before = max((entry["mean_of_prompts"] for entry in self.history), default=-1.0)
        entry = {"iteration": self.iteration, "loss": loss, "mean_of_prompts": mean_of_prompts(dice), "dice": dice}
        self.history.append(entry)
        log(f"{self.iteration}: loss {loss:.3f}, " + ", ".join(f"{kind} {of['mean']:.3f}" for kind, of in dice.items()))
        if entry["mean_of_prompts"] > best_before:
            save_best(self.teacher, self.settings.modality, self.folder)
        save_last(self.teacher, self.settings.modality, self.state(), self.folder)
        write_report(self.history, self.settings, self.folder)

    def state(self) -> dict:
        """What `restore` needs."""
        return {
            "settings": asdict(self.settings),
            "cases": sorted(volume.name for volume in self.volumes),
            "noisy_labels": sorted(self.noisy_names),
            "iteration": self.iteration,
            "history": self.history,
            "optimizer": self.optimizer.state_dict(),
            "crop_generator": self.crop_generator.get_state(),
            "prompt_generator": self.prompt_generator.get_state(),
        }

    def resume(self) -> None:
        """Go on from the last checkpoint, exactly. Raises ValueError where it has other settings or cases."""
        ours = self.state()
        require_as_begun(self.folder, **{key: ours[key] for key in ("settings", "cases", "noisy_labels")})
        self.restore(load_last(self.teacher, self.folder, self.device))

    def restore(self, state: dict) -> None:
        """Take over what `state` gave, beside the teacher's weights."""
        self.iteration, self.history = state["iteration"], state["history"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.crop_generator.set_state(state["crop_generator"].cpu())
        self.prompt_generator.set_state(state["prompt_generator"].cpu())


def _optimizer(teacher: Sam3DTeacher, settings: TrainingSettings) -> torch.optim.AdamW:
    others = [*teacher.prompt_encoder.parameters(), *teacher.mask_decoder.parameters()]
    groups = [{"params": list(teacher.image_encoder.parameters())}, {"params": others}]
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay)
