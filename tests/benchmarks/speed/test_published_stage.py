"""The slow side of the benchmarks gives the numbers of the fast one."""

import pytest
import torch
from support import build_small_teacher

from benchmarks.speed.literal_sam3d import literal_decode
from benchmarks.speed.phantom_patches import Patches
from benchmarks.speed.published_stage import PROMPTS, published_organ
from benchmarks.speed.stage import TeacherStage
from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.teachers.ensemble import TeacherEnsemble
from nnunetv2_muduo.teachers.weights import save_teacher

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("kind", ["points", "mask"])
def test_literal_decode_equals_ours(small_teacher, generator, kind):
    embedding = small_teacher.encode(torch.randn(1, 1, 32, 32, 32, generator=generator))
    points = (32 * torch.rand(1, 3, 3, generator=generator), torch.tensor([[1, 1, -1]])) if kind == "points" else None
    mask = 3 * torch.randn(1, 1, 16, 16, 16, generator=generator)
    expected = literal_decode(small_teacher, embedding, points, mask)
    torch.testing.assert_close(small_teacher.decode(embedding, points, mask), expected, rtol=1e-4, atol=1e-5)


def test_published_stage_equals_ours(tmp_path, generator):
    shape = (2, 1, 32, 32, 32)
    organ_map = torch.zeros(shape, dtype=torch.int16)
    organ_map[:, :, 4:14, 6:20, 3:12], organ_map[:, :, 18:30, 10:24, 15:29] = 1, 2
    ct_hu, pet_suv = 300 * torch.randn(shape, generator=generator), torch.rand(shape, generator=generator)
    probs = torch.rand(2, 3, 32, 32, 32, generator=generator).softmax(1)
    for seed, modality in enumerate(("ct", "pet")):
        save_teacher(build_small_teacher(seed), tmp_path / f"{modality}.pth")
    files = {f"{modality}_teacher": str(tmp_path / f"{modality}.pth") for modality in ("ct", "pet")}
    config = MuDuoConfig(**files, **PROMPTS)
    ensemble = TeacherEnsemble(config, [0, 1, 2], [1, 2], torch.device("cpu"))
    agreement, masks = TeacherStage(ensemble, Patches(ct_hu, pet_suv, organ_map), probs)()
    images = {"ct": ct_hu, "pet": pet_suv}
    with torch.no_grad():
        for organ in (1, 2):
            prompts = {"ct": probs[:, organ], "pet": organ_map[:, 0] == organ}
            expected, mask = published_organ(ensemble.teachers, images, prompts, TeacherStage.alpha)
            torch.testing.assert_close(agreement[:, organ - 1], expected, rtol=1e-4, atol=1e-5)
            assert (masks[expected.argmax() * 2 + organ - 1] == mask).float().mean() > 0.999
