"""The teacher stage of a training step, by itself: encoders, prompts, decoders, agreement, fusion."""

import torch
from torch import Tensor

from benchmarks.speed.phantom_patches import Patches
from nnunetv2_muduo.data.pairs import valid_pairs
from nnunetv2_muduo.distillation.pseudo_labels import PAIRS_PER_CHUNK, agreement_of_logits, pseudo_label
from nnunetv2_muduo.distillation.selection import select_pairs
from nnunetv2_muduo.teachers.ensemble import TeacherEnsemble


class TeacherStage:
    """Call it for agreement [B, n_organs] and hard pseudo labels [B * n_organs, a, b, c] (None unless they are kept)."""

    alpha = 0.4
    """Share of CT in every mixture."""

    def __init__(self, ensemble: TeacherEnsemble, patches: Patches, student_probs: Tensor, keep_masks: bool = True):
        self.ensemble, self.patches, self.student_probs, self.keep_masks = ensemble, patches, student_probs, keep_masks
        self.map_of_loader = patches.organ_map.cpu()
        self.organ_labels = ensemble.organ_labels[: student_probs.shape[1] - 1]

    def __call__(self) -> tuple[Tensor, Tensor | None]:
        patches, patch_size = self.patches, self.patches.ct_hu.shape[2:]
        pairs = valid_pairs(self.map_of_loader, self.organ_labels)
        images = {"ct": patches.ct_hu, "pet": patches.pet_suv}
        teacher_logits = self.ensemble.predict(images, patches.organ_map, self.student_probs, pairs)
        agreement = pairs.as_matrix(agreement_of_logits(teacher_logits, patch_size))
        select_pairs(agreement, "best_half")
        alpha = torch.full((len(pairs),), self.alpha, device=agreement.device)
        masks = []
        for start in range(0, len(pairs), PAIRS_PER_CHUNK):
            part = slice(start, start + PAIRS_PER_CHUNK)
            mixed = pseudo_label({m: logits[part] for m, logits in teacher_logits.items()}, alpha[part], patch_size)
            masks += [mixed] if self.keep_masks else []
        return agreement, torch.cat(masks) if masks else None
