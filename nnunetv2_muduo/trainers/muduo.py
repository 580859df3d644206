"""MuDuo (arXiv 2606.15611): loss of unlabeled patches against pseudo labels of two frozen teachers (docs/method.md).

unlabeled patch ─ spatial augment ─┬─ intensity ► student ─► probabilities ─┬─► consistency ─► backward
                                   │                              │ masks   │
                                   ├─ CT in HU ──► SAM-Med3D ◄────┘         │
                                   ├─ PET in SUV ► SegAnyPET ◄── points     │
                                   │                 └─► agreement ─► best half ─► mixed pseudo label
                                   └─ prompt map (travels as the patch's segmentation)
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnunetv2_muduo.data.pairs import Pairs, valid_pairs
from nnunetv2_muduo.distillation.pseudo_labels import agreement_of_logits, consistency_with_teachers
from nnunetv2_muduo.distillation.selection import pair_weights, select_pairs
from nnunetv2_muduo.labels import organ_names
from nnunetv2_muduo.trainers import distributed, pictures
from nnunetv2_muduo.trainers.out_of_memory import ChunkFallback
from nnunetv2_muduo.trainers.semi_supervised import UnlabeledPatches
from nnunetv2_muduo.trainers.taught import TaughtTrainer


class nnUNetTrainerMuDuo(TaughtTrainer):
    """nnU-Net's network trained on labeled and unlabeled PET/CT, taught by SAM-Med3D on CT and SegAnyPET on PET."""

    prompt_generator = "nnUNetTrainerMuDuoPromptGenerator"
    needs_ct_and_pet = True
    logged = ("agreement_per_organ", "kept_share_per_organ", "n_valid_pairs", "n_kept_pairs")

    def unlabeled_loss(self, student_logits: Tensor, patches: UnlabeledPatches) -> tuple[Tensor, dict[str, np.ndarray]]:
        """Loss against the teachers' mixed pseudo labels of the pairs that are kept (eq. 7)."""
        config = self.muduo_config
        pairs = valid_pairs(patches.prompt_map, self.organ_labels)
        prompt_map, student_probs = self._to_device(patches.prompt_map), student_logits.softmax(1)
        with self._autocast():
            teacher_logits = self.within_memory(
                self.ensemble.predict, patches.physical, prompt_map, student_probs.detach(), pairs
            )
        own_agreement = self.within_memory(agreement_of_logits, teacher_logits, self.patch_size)
        agreement = distributed.gather_rows(pairs.as_matrix(own_agreement))
        kept = select_pairs(agreement, config.pair_selection, config.agreement_threshold)
        # Chosen over the batch of all GPUs; as a mean over this GPU's patches, which the base class weighs by their number.
        own_weights = distributed.own_rows(pair_weights(kept), pairs.n_samples) * (len(kept) / pairs.n_samples)
        weights, alpha = pairs.from_matrix(own_weights), self._draw_alpha(pairs)
        loss = self.within_memory(
            consistency_with_teachers, student_probs, teacher_logits, pairs, weights, alpha, config.consistency
        )
        measures = {
            "agreement": agreement.nanmean(0),
            "n_valid": (~agreement.isnan()).sum(0),  # of each organ, as n_kept
            "n_kept": kept.sum(0),
        }
        return loss, {name: values.cpu().numpy() for name, values in measures.items()}

    def _draw_alpha(self, pairs: Pairs) -> Tensor:
        """Share of the CT teacher in the mixture, drawn per sample and iteration; one value for each pair."""
        alpha = torch.rand(pairs.n_samples, generator=self.mixing_generator)
        return alpha[pairs.samples].to(self.device, non_blocking=True)

    def no_measures(self) -> dict[str, np.ndarray]:
        nothing = np.full(len(self.organ_labels), np.nan, dtype=np.float32)
        none = np.zeros(len(self.organ_labels), dtype=np.int64)
        return {"agreement": nothing, "n_valid": none, "n_kept": none}

    def epoch_measures(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """Mean agreement of each organ, and which share of its valid pairs was kept."""
        agreement = np.atleast_2d(outputs["agreement"])
        seen = ~np.isnan(agreement).all(0)
        per_organ = np.full(len(self.organ_labels), np.nan)
        per_organ[seen] = np.nanmean(agreement[:, seen], axis=0)
        n_valid, n_kept = outputs["n_valid"].sum(0), outputs["n_kept"].sum(0)
        self.print_to_log_file(f"Kept {n_kept.sum()} of {n_valid.sum()} valid (sample, organ) pairs")
        names = organ_names(self.dataset_json).values()
        said = ("not seen" if np.isnan(a) else f"{a:.4f}" for a in per_organ)
        self.print_to_log_file(f"Agreement of the teachers: {', '.join(map(' '.join, zip(names, said, strict=True)))}")
        return {
            "agreement_per_organ": [float(a) for a in per_organ],
            "kept_share_per_organ": [float(k / v) if v else float("nan") for k, v in zip(n_kept, n_valid, strict=True)],
            "n_valid_pairs": int(n_valid.sum()),
            "n_kept_pairs": int(n_kept.sum()),
        }

    # ------------------------------------------------------------------ around the steps

    def initialize(self):
        super().initialize()
        self.within_memory = ChunkFallback(self.device, self.print_to_log_file)
        # Own generator, so that mixing changes no other random number of the training.
        self.mixing_generator = torch.Generator().manual_seed(torch.initial_seed() + self.local_rank)

    def draw(self, epoch: int) -> None:
        pictures.draw_pictures(self, epoch)

    def random_states(self) -> dict:
        return {**super().random_states(), "mixing": self.mixing_generator.get_state()}

    def set_random_states(self, states: dict) -> None:
        super().set_random_states(states)
        self.mixing_generator.set_state(states["mixing"])
