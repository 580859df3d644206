"""Prompt maps as they are written, from a generator whose answer is known."""

from types import SimpleNamespace

import blosc2
import numpy as np
import torch

from nnunetv2_muduo.claims import CaseClaims
from nnunetv2_muduo.data import prompt_map_writing

LIVER, LESION = 1, 2


class Generator:
    """Answers with a liver and a lesion, and with one voxel of each far away."""

    label_manager = SimpleNamespace(foreground_labels=[LIVER, LESION])
    configuration_manager = SimpleNamespace(patch_size=[8, 8, 8])

    def predict_sliding_window_return_logits(self, view):
        assert view.shape == (2, 16, 8, 8)  # what the student sees, without HU and SUV
        logits = torch.zeros(3, 16, 8, 8)
        logits[0] = 1
        logits[LIVER, :3, :3, :3] = logits[LESION, 8:11, :3, :3] = 2
        logits[LIVER, 15, 7, 7] = logits[LESION, 15, 0, 0] = 2
        return logits


def test_fragments_are_left_out_of_organs_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(prompt_map_writing, "load_views", lambda *_, physical: np.zeros((2, 16, 8, 8), np.float32))
    claims = CaseClaims.begin(tmp_path / "maps", ["case"])
    prompt_map_writing.make_prompt_maps(claims, ["case"], tmp_path, {"id": "1"}, [Generator()], [LIVER])
    labels = blosc2.open(str(tmp_path / "maps" / "case.b2nd"))[:]
    places = np.load(tmp_path / "maps" / "case.npz")
    assert labels.shape == (1, 16, 8, 8)
    assert [np.count_nonzero(labels == label) for label in (LIVER, LESION)] == [27, 28]
    assert [len(places[str(label)]) for label in (LIVER, LESION)] == [27, 28]  # patches are drawn around these
    assert labels[0, 15, 7, 7] == 0
    assert labels[0, 15, 0, 0] == LESION
