"""The story of a MuDuo training step: a few labels, two frozen teachers, one student.

    labeled patch ── augment ──────────────────────► student ─► nnU-Net's loss ─► backward
    unlabeled patch ─ spatial augment ─┬─ intensity ► student ─► probabilities ─┬─► consistency ─► backward
                                       │                              │ masks   │
                                       ├─ CT in HU ──► SAM-Med3D ◄────┘         │
                                       ├─ PET in SUV ► SegAnyPET ◄── points     │
                                       │                 └─► agreement ─► best half ─► mixed pseudo label
                                       └─ prompt map (travels as the patch's segmentation)

The two halves of a step run forward and backward one after the other, so that peak memory stays that of plain nnU-Net; with
instance norm the sum of their gradients is that of one joint step.
"""

from contextlib import nullcontext

import numpy as np
import torch
from batchgenerators.dataloading.nondet_multi_threaded_augmenter import NonDetMultiThreadedAugmenter
from nnunetv2.utilities.collate_outputs import collate_outputs
from nnunetv2.utilities.default_n_proc_DA import get_allowed_n_proc_DA
from torch import Tensor

from nnunetv2_muduo.data.excluded_cases import refuse_too_many
from nnunetv2_muduo.data.left_right import left_right_axis
from nnunetv2_muduo.data.loader import (
    IsolatedRandomness,
    UnlabeledLoader,
    augmentation_processes,
    shared_spatial_transforms,
    start_loader,
)
from nnunetv2_muduo.data.prompt_maps import require_prompt_maps
from nnunetv2_muduo.data.unlabeled import UnlabeledDataset
from nnunetv2_muduo.data.views import split_views
from nnunetv2_muduo.data.worker_status import TrackedDataset
from nnunetv2_muduo.distillation.losses import ramp_up
from nnunetv2_muduo.distillation.pseudo_labels import agreement_of_logits, consistency_with_teachers
from nnunetv2_muduo.distillation.selection import pair_weights, select_pairs
from nnunetv2_muduo.storage import read_json
from nnunetv2_muduo.teachers.pairs import Pairs, valid_pairs
from nnunetv2_muduo.trainers import distributed
from nnunetv2_muduo.trainers.base import MuDuoTrainer
from nnunetv2_muduo.trainers.fault_tolerant import finite_steps
from nnunetv2_muduo.trainers.out_of_memory import ChunkFallback
from nnunetv2_muduo.trainers.pictures import draw_pictures
from nnunetv2_muduo.trainers.prepare import prepare_on_first_rank
from nnunetv2_muduo.trainers.requirements import Preparation

LOGGED = (
    "consistency_losses",
    "ramp_up_weights",
    "agreement_per_organ",
    "kept_share_per_organ",
    "n_valid_pairs",
    "n_kept_pairs",
)


class nnUNetTrainerMuDuo(MuDuoTrainer):
    """nnU-Net's network trained on labeled and unlabeled PET/CT, taught by SAM-Med3D on CT and SegAnyPET on PET."""

    prompt_generator = "nnUNetTrainerMuDuoPromptGenerator"
    """Trainer of the prompt generator; a short schedule names a short one."""

    # ------------------------------------------------------------------ a step

    def train_step(self, batch: dict) -> dict:
        """One step on a labeled batch (nnU-Net's own loss, see `durable`) and the next unlabeled one."""
        weight = self.consistency_weight()
        self.optimizer.zero_grad(set_to_none=True)
        with self._gradients_stay_local(weight > 0):
            supervised_loss = self.learn_from_labels(batch)
        outcome = self.learn_from_teachers(self.next_unlabeled(), weight) if weight > 0 else self._no_outcome()
        finite = self.update_student(supervised_loss, outcome["consistency_loss"])
        return {"loss": supervised_loss, "finite": finite, **outcome}

    def learn_from_teachers(self, batch: dict, weight: float) -> dict:
        """The teachers' mixed pseudo labels as targets on the unlabeled batch, and the gradients of their loss."""
        pairs = valid_pairs(batch["target"], self.organ_labels)
        prompt_map = self._to_device(batch["target"])
        student_view, ct_hu, pet_suv = split_views(self._to_device(batch["data"]))
        with self._autocast():
            output = self.network(student_view)
        full_resolution_logits = output[0] if self.enable_deep_supervision else output
        student_probs = full_resolution_logits.float().softmax(1)
        with self._autocast():
            images = {"ct": ct_hu, "pet": pet_suv}
            teacher_logits = self.within_memory(
                self.ensemble.predict, images, prompt_map, student_probs.detach(), pairs
            )
        agreement, kept, weights = self.judge(teacher_logits, pairs)
        alpha, kind = self._draw_alpha(pairs), self.muduo_config.consistency
        loss = self.within_memory(consistency_with_teachers, student_probs, teacher_logits, pairs, weights, alpha, kind)
        self._backward(weight * loss + self._tie(output))
        return {
            "consistency_loss": loss.detach().cpu().numpy(),
            "agreement": agreement.nanmean(0).cpu().numpy(),
            "n_valid": (~agreement.isnan()).sum(0).cpu().numpy(),  # of each organ, as n_kept
            "n_kept": kept.sum(0).cpu().numpy(),
        }

    def judge(self, teacher_logits: dict[str, Tensor], pairs: Pairs) -> tuple[Tensor, Tensor, Tensor]:
        """Which pairs teach, chosen over the global batch of all GPUs.

        Returns:
            Agreement and kept mask of the global batch [n_samples, n_organs], and the weights [n_pairs] of this GPU's pairs,
            scaled so that DDP's mean over GPUs is the mean over the global batch.
        """
        config = self.muduo_config
        own_agreement = self.within_memory(agreement_of_logits, teacher_logits, self.patch_size)
        agreement = distributed.gather_rows(pairs.as_matrix(own_agreement))
        how = config.kept_pairs if len(teacher_logits) == 2 else "all"  # one teacher has nobody to agree with
        kept = select_pairs(agreement, how, config.agreement_threshold)
        local = distributed.own_rows(pair_weights(kept), pairs.n_samples)
        return agreement, kept, pairs.from_matrix(local) * distributed.world_size()

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
        """Weight of the consistency loss in this epoch (eq. 8)."""
        return self.muduo_config.consistency_weight * ramp_up(self.current_epoch, self.muduo_config.ramp_up_epochs)

    def _gradients_stay_local(self, more_to_come: bool):
        """Under DDP the first half's gradients wait for the second's, and are reduced once."""
        return self.network.no_sync() if self.is_ddp and more_to_come else nullcontext()

    def _tie(self, output) -> Tensor | float:
        """Nothing, but under DDP with every output in it: DDP waits for the gradient of every parameter."""
        return 0.0 * sum(o.float().mean() for o in output) if self.is_ddp and self.enable_deep_supervision else 0.0

    def _draw_alpha(self, pairs: Pairs) -> Tensor:
        """Share of the CT teacher in the mixture, drawn per sample and iteration; one value for each pair."""
        alpha = torch.rand(pairs.n_samples, generator=self.mixing_generator)
        return alpha[pairs.samples].to(self.device, non_blocking=True)

    def _no_outcome(self) -> dict:
        nothing = np.full(len(self.organ_labels), np.nan, dtype=np.float32)
        none = np.zeros(len(self.organ_labels), dtype=np.int64)
        return {"consistency_loss": np.float32(0), "agreement": nothing, "n_valid": none, "n_kept": none}

    # ------------------------------------------------------------------ around the steps

    def initialize(self):
        super().initialize()
        self.organ_labels = [int(label) for label in self.label_manager.foreground_labels]
        self.patch_size = tuple(self.configuration_manager.patch_size)
        self.within_memory = ChunkFallback(self.device, self.print_to_log_file)
        self.damaged_cases: dict[str, str] = {}
        self.preparation = Preparation(self, self.prompt_generator)
        self.dataloader_unlabeled = None  # -> get_dataloaders
        # Own generator, so that mixing changes no other random number of the training.
        self.mixing_generator = torch.Generator().manual_seed(torch.initial_seed() + self.local_rank)
        for key in LOGGED:
            self.logger.local_logger.my_fantastic_logging.setdefault(key, [])

    def on_train_start(self):
        """Make what is still missing, load the teachers, then start as nnU-Net does."""
        if not self.was_initialized:
            self.initialize()
        prepare_on_first_rank(self)
        require_prompt_maps(self.preparation.prompt_map_folder, self.preparation.identity)
        self.preparation.log_excluded()
        self.unlabeled_cases = sorted(self.preparation.unlabeled_files)
        self._load_teachers()
        super().on_train_start()

    def _load_teachers(self):
        from nnunetv2_muduo.teachers.ensemble import TeacherEnsemble  # prediction never needs it

        with torch.random.fork_rng(devices=[]):  # building a network draws random numbers
            self.ensemble = TeacherEnsemble(
                self.muduo_config, self.plans_manager.transpose_forward, self.organ_labels, self.device
            )

    def _left_right_axes(self) -> set[int]:
        """Axes from side to side over labeled and unlabeled cases."""
        axes, folder = super()._left_right_axes(), self.preparation.unlabeled_folder
        for case in UnlabeledDataset.get_identifiers(folder):
            direction = read_json(folder / f"{case}.json")["direction"]
            axes |= {left_right_axis(direction, self.plans_manager.transpose_forward)} if direction else {0, 1, 2}
        return axes

    def get_dataloaders(self):
        """nnU-Net's loaders of labeled cases, and one of unlabeled cases that shares their worker processes."""
        n_processes = get_allowed_n_proc_DA()
        n_unlabeled = min(n_processes, max(1, n_processes // 2))
        loader = self._unlabeled_loader()
        self.dataloader_unlabeled = start_loader(
            loader, n_unlabeled, pin_memory=self.device.type == "cuda", seed=(torch.initial_seed() + 1) % 2**32
        )
        train_cases, val_cases = self.do_split()
        self.print_to_log_file(
            f"Labeled {len(train_cases)} / unlabeled {len(loader.indices)} / validation {len(val_cases)} cases; batch "
            f"{self.batch_size} labeled + {loader.batch_size} unlabeled patches."
        )
        with augmentation_processes(n_processes - n_unlabeled if n_processes > 1 else n_processes):
            return super().get_dataloaders()

    def _unlabeled_loader(self) -> UnlabeledLoader:
        rotation, dummy_2d, initial_patch_size, mirror_axes = (
            self.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        )
        transforms = self.get_training_transforms(self.patch_size, rotation, None, mirror_axes, dummy_2d)
        preparation = self.preparation
        dataset = UnlabeledDataset(preparation.unlabeled_folder, preparation.prompt_map_folder, self.unlabeled_cases)
        labels = {name: label for name, label in self.dataset_json["labels"].items() if name != "ignore"}
        return UnlabeledLoader(
            TrackedDataset(dataset, self.worker_status),
            distributed.own_share(self.muduo_config.unlabeled_batch_size or self.configuration_manager.batch_size),
            initial_patch_size,
            self.patch_size,
            self.plans_manager.get_label_manager({"labels": labels}),
            oversample_foreground_percent=self.oversample_foreground_percent,
            transforms=shared_spatial_transforms(transforms),
        )

    def on_train_epoch_end(self, train_outputs: list[dict]):
        """Log what the teachers did in this epoch beside nnU-Net's losses."""
        super().on_train_epoch_end(train_outputs)
        outputs = collate_outputs(finite_steps(train_outputs))
        agreement = np.atleast_2d(outputs["agreement"])
        seen = ~np.isnan(agreement).all(0)
        per_organ = np.full(len(self.organ_labels), np.nan)
        per_organ[seen] = np.nanmean(agreement[:, seen], axis=0)
        n_valid, n_kept = outputs["n_valid"].sum(0), outputs["n_kept"].sum(0)
        values = {
            "consistency_losses": distributed.mean_over_ranks(float(np.mean(outputs["consistency_loss"]))),
            "ramp_up_weights": self.consistency_weight(),
            "agreement_per_organ": [float(a) for a in per_organ],
            "kept_share_per_organ": [float(k / v) if v else float("nan") for k, v in zip(n_kept, n_valid, strict=True)],
            "n_valid_pairs": int(n_valid.sum()),
            "n_kept_pairs": int(n_kept.sum()),
        }
        for key in LOGGED:
            self.logger.log(key, values[key], self.current_epoch)
        self.print_to_log_file(
            f"consistency_loss {values['consistency_losses']:.4f}, weight {values['ramp_up_weights']:.5f}, kept "
            f"{values['n_kept_pairs']} of {values['n_valid_pairs']} valid (sample, organ) pairs"
        )
        self.print_to_log_file(
            "Agreement of the teachers per organ", [round(a, 4) for a in values["agreement_per_organ"]]
        )

    def on_epoch_end(self):
        super().on_epoch_end()
        draw_pictures(self, epoch=self.current_epoch - 1)

    def random_states(self) -> dict:
        """Those of nnU-Net, of the mixture, and of unlabeled patches drawn in this process."""
        own = {"mixing": self.mixing_generator.get_state()}
        if isinstance(self.dataloader_unlabeled, IsolatedRandomness):
            own["unlabeled"] = self.dataloader_unlabeled.states
        return {**super().random_states(), **own}

    def set_random_states(self, states: dict) -> None:
        super().set_random_states(states)
        self.mixing_generator.set_state(states["mixing"])
        if "unlabeled" in states and isinstance(self.dataloader_unlabeled, IsolatedRandomness):
            self.dataloader_unlabeled.states = states["unlabeled"]

    def on_train_end(self):
        super().on_train_end()
        if isinstance(self.dataloader_unlabeled, NonDetMultiThreadedAugmenter):
            self.dataloader_unlabeled._finish()


class nnUNetTrainerMuDuo_paper(nnUNetTrainerMuDuo):
    """The paper's loss and optimizer: MSE at 0.1, SGD 0.01, momentum 0.9, weight decay 1e-4, 30 000 iterations, all ramp-up."""

    default_num_epochs = 120  # of 250 iterations
    config_overrides = {"consistency": "mse", "consistency_weight": 0.1, "ramp_up_epochs": 120, "optimizer": "sgd"}

    def configure_optimizers(self):
        self.weight_decay = 1e-4
        _, lr_scheduler = super().configure_optimizers()
        optimizer = torch.optim.SGD(
            self.network.parameters(), self.initial_lr, momentum=0.9, weight_decay=self.weight_decay
        )
        lr_scheduler.optimizer = optimizer
        return optimizer, lr_scheduler
