"""MuDuo (arXiv 2606.15611): loss of unlabeled patches against pseudo labels of two frozen teachers (docs/method.md).

unlabeled patch ─ spatial augment ─┬─ intensity ┬► student ─► probabilities ─┬─► consistency ─► backward
                                   │            │                  │ masks   │
                                   ├─ PET in SUV ► SegAnyPET ◄─────┘         │
                                   ├─ CT in HU ──► SAM-Med3D ◄── points      │
                                   │            │  └─► agreement ─► best half ─► mixed pseudo label
                                   │            └► student's average ────────────┘
                                   └─ prompt map (travels as the patch's segmentation)

The paper asks the teachers the other way round and mixes their answers alone. What else can be asked, mixed and chosen, config
fields say (`asking`, `distillation.mixture`, `distillation.pair_filter`).
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnunetv2_muduo.config import PANEL_FOLDER
from nnunetv2_muduo.data.pairs import Pairs
from nnunetv2_muduo.distillation.losses import ramp_up
from nnunetv2_muduo.distillation.pair_filter import PairFilter
from nnunetv2_muduo.distillation.pseudo_labels import consistency_loss
from nnunetv2_muduo.labels import organ_names
from nnunetv2_muduo.trainers import distributed, organ_presence, pictures
from nnunetv2_muduo.trainers.asking import AskingTrainer
from nnunetv2_muduo.trainers.semi_supervised import UnlabeledPatches


class nnUNetTrainerMuDuo(AskingTrainer):
    """nnU-Net's network trained on labeled and unlabeled PET/CT, taught by SAM-Med3D on CT and SegAnyPET on PET."""

    prompt_generator = "nnUNetTrainerMuDuoPromptGenerator"
    needs_ct_and_pet = True
    logged = ("agreement_per_organ", "kept_share_per_organ", "n_valid_pairs", "n_kept_pairs")

    def unlabeled_loss(self, student_logits: Tensor, patches: UnlabeledPatches) -> tuple[Tensor, dict[str, np.ndarray]]:
        """Loss against the teachers' mixed pseudo labels of the pairs that are kept (eq. 7)."""
        student_probs = student_logits.softmax(1)
        answers = self.ask(patches, student_probs.detach())
        pairs = answers.pairs
        # Chosen over the batch of all GPUs; as a mean over this GPU's patches, which the base class weighs by their number.
        measured = distributed.gather_rows(self.measure(answers, student_probs.detach()))
        agreements, not_finite = self.agreements_in(measured)
        kept = self.pair_filter.choose(agreements)
        own_weights = distributed.own_rows(self.pair_filter.weights(kept), pairs.n_samples)
        own_weights = own_weights * (len(kept) / pairs.n_samples)
        self.pair_filter.remember(agreements)
        mixture, weights = self.mixture(answers, self._draw_alpha(pairs)), pairs.from_matrix(own_weights)
        loss = self.within_memory(
            consistency_loss, student_probs, mixture.labels, pairs, weights, self.muduo_config.consistency
        )
        measures = {
            "agreement": agreements.agreement.nanmean(0),
            "n_valid": (~agreements.agreement.isnan()).sum(0),  # of each organ, as n_kept and n_not_finite
            "n_kept": kept.sum(0),
            "n_not_finite": not_finite.sum(0).long(),
        }
        return loss, {name: values.cpu().numpy() for name, values in measures.items()}

    def consistency_weight(self) -> float:
        """The base's, which falls again over the last epochs where the config says so."""
        n_epochs = self.muduo_config.ramp_down_share * self.num_epochs
        falls = ramp_up(self.num_epochs - self.current_epoch, n_epochs) if n_epochs else 1.0
        return super().consistency_weight() * falls

    def _draw_alpha(self, pairs: Pairs) -> Tensor:
        """Share of the CT teacher in the mixture, drawn per sample and iteration; one value for each pair."""
        alpha = torch.rand(pairs.n_samples, generator=self.mixing_generator)
        return alpha[pairs.samples].to(self.device, non_blocking=True)

    def no_measures(self) -> dict[str, np.ndarray]:
        nothing = np.full(len(self.organ_labels), np.nan, dtype=np.float32)
        none = np.zeros(len(self.organ_labels), dtype=np.int64)
        return {"agreement": nothing, "n_valid": none, "n_kept": none, "n_not_finite": none}

    def epoch_measures(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """Mean agreement of each organ, and which share of its valid pairs was kept."""
        agreement = np.atleast_2d(outputs["agreement"])
        seen = ~np.isnan(agreement).all(0)
        per_organ = np.full(len(self.organ_labels), np.nan)
        per_organ[seen] = np.nanmean(agreement[:, seen], axis=0)
        n_valid, n_kept = outputs["n_valid"].sum(0), outputs["n_kept"].sum(0)
        self._log_kept(int(n_kept.sum()), int(n_valid.sum()))
        names = organ_names(self.dataset_json).values()
        self._log_not_finite(dict(zip(names, outputs["n_not_finite"].sum(0), strict=True)))
        said = ("not seen" if np.isnan(a) else f"{a:.4f}" for a in per_organ)
        self.print_to_log_file(f"Agreement of the teachers: {', '.join(map(' '.join, zip(names, said, strict=True)))}")
        return {
            "agreement_per_organ": [float(a) for a in per_organ],
            "kept_share_per_organ": [float(k / v) if v else float("nan") for k, v in zip(n_kept, n_valid, strict=True)],
            "n_valid_pairs": int(n_valid.sum()),
            "n_kept_pairs": int(n_kept.sum()),
        }

    def _log_kept(self, n_kept: int, n_valid: int) -> None:
        self.print_to_log_file(f"Kept {n_kept} of {n_valid} valid (sample, organ) pairs")
        if n_valid and not n_kept:
            self.print_to_log_file(
                f"WARNING: unlabeled patches taught nothing in this epoch: the teachers agreed on no organ (least_agreement "
                f"{self.muduo_config.least_agreement}, kept_pairs {self.muduo_config.kept_pairs}). That is usual while the "
                f"student knows little; where it goes on, see in {PANEL_FOLDER} what each of them answers."
            )

    def _log_not_finite(self, n_by_organ: dict[str, int]) -> None:
        if not_finite := {name: n for name, n in n_by_organ.items() if n}:
            self.print_to_log_file(
                f"WARNING: the teachers' answers to {sum(not_finite.values())} (sample, organ) pairs were not finite numbers and "
                f"taught nothing: {', '.join(f'{name} {n}' for name, n in not_finite.items())}. Look for extreme values in the "
                f"unlabeled images, or at the teachers' files."
            )

    # ------------------------------------------------------------------ around the steps

    def initialize(self):
        super().initialize()
        self.pair_filter = PairFilter(self.muduo_config, len(self.organ_labels), self.device)
        # Own generator, so that mixing changes no other random number of the training.
        self.mixing_generator = torch.Generator().manual_seed(torch.initial_seed() + self.local_rank)

    def before_training(self) -> None:
        super().before_training()
        if self.local_rank == 0:
            organ_presence.log_presence(self)

    def draw(self, epoch: int) -> None:
        pictures.draw_pictures(self, epoch)

    def own_state(self) -> dict:
        return {**super().own_state(), "pair_filter": self.pair_filter.state()}

    def restore(self, state: dict) -> None:
        super().restore(state)
        if "pair_filter" in state:  # which 0.1 did not have, nor what it is for
            self.pair_filter.restore(state["pair_filter"])

    def random_states(self) -> dict:
        return {**super().random_states(), "mixing": self.mixing_generator.get_state()}

    def set_random_states(self, states: dict) -> None:
        super().set_random_states(states)
        self.mixing_generator.set_state(states["mixing"])
