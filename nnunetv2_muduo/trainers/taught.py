"""Trainings that frozen teachers take part in: read first of all, known by their content, never part of the network."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from nnunetv2_muduo.trainers.semi_supervised import SemiSupervisedTrainer

if TYPE_CHECKING:  # prediction never needs teachers
    from nnunetv2_muduo.teachers.ensemble import TeacherEnsemble


class TaughtTrainer(SemiSupervisedTrainer):
    """Semi-supervised training on the teachers' patch, with the teachers of its config in `ensemble`."""

    needs_teachers = on_teachers_patch = True

    teacher_digests: dict[str, str] = {}
    """sha256 of the teachers' files by modality; empty until they are read."""

    ensemble: "TeacherEnsemble"
    """The teachers, from `before_training` on."""

    def before_training(self) -> None:
        """Read the teachers first: where they can't be, nothing has to be prepared. On the device they come afterwards."""
        from nnunetv2_muduo.teachers.ensemble import TeacherEnsemble, require_patch_that_teachers_see, teacher_digests

        self.teacher_digests = teacher_digests(self.muduo_config)
        with torch.random.fork_rng(devices=[]):  # building a network draws random numbers
            self.ensemble = TeacherEnsemble(
                self.muduo_config, self.plans_manager.transpose_forward, self.organ_labels, torch.device("cpu")
            )
        require_patch_that_teachers_see(self.muduo_config, self.patch_size, self.ensemble.image_size)
        super().before_training()
        self.ensemble.to(self.device)

    def muduo_state(self) -> dict:
        return {**super().muduo_state(), "teachers": self.teacher_digests}

    def accept_checkpoint(self, state: dict, path: Path) -> None:
        """The base's, but a teacher's file is known by its content where the checkpoint has its sha256: files move."""
        from nnunetv2_muduo.teachers.ensemble import same_teacher

        config = dict(state["config"])
        for modality, digest in state.get("teachers", {}).items():
            field, now = f"{modality}_teacher", self.muduo_config.teacher(modality)
            if same_teacher(self.muduo_config, modality, config[field], digest):
                config[field] = now
            elif config[field] == now and not self.is_finished:
                config[field] = f"{now} (sha256 {digest}, another file)"
        super().accept_checkpoint({**state, "config": config}, path)
