"""The teacher stage: what it costs in memory, and that it never waits for the GPU."""

from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from nnunetv2_muduo.config import MuDuoConfig
from nnunetv2_muduo.data.pairs import Pairs, valid_pairs
from nnunetv2_muduo.distillation.mixture import Mixture
from nnunetv2_muduo.distillation.pseudo_labels import agreement_of_logits, consistency_loss
from nnunetv2_muduo.distillation.selection import Agreements, pair_scores, pair_weights, select_pairs
from nnunetv2_muduo.teachers.ensemble import TeacherEnsemble
from nnunetv2_muduo.teachers.patch_space import normalize_ct
from nnunetv2_muduo.teachers.sam3d.model import PROMPTS_PER_CHUNK, Sam3DTeacher
from nnunetv2_muduo.teachers.small import SMALL_CONFIG

SIZE = SMALL_CONFIG.image_size
PAPERS_PROMPTS = {"ct_prompts": "mask", "pet_prompts": "points"}


def make_ensemble(n_organs: int) -> TeacherEnsemble:
    config = MuDuoConfig(ct_teacher="small", pet_teacher="small")
    return TeacherEnsemble(config, [1, 0, 2], list(range(1, n_organs + 1)), torch.device("cpu"))


def make_batch(n_organs: int, device="cpu"):
    """CT, PET, prompt map and student's probabilities."""
    generator = torch.Generator().manual_seed(0)
    organ_map = torch.randint(0, n_organs + 1, (2, 1, SIZE, SIZE, SIZE), generator=generator, dtype=torch.int16)
    images = {m: torch.randn(2, 1, SIZE, SIZE, SIZE, generator=generator) for m in ("ct", "pet")}
    probs = torch.rand(2, 1 + n_organs, SIZE, SIZE, SIZE, generator=generator).softmax(1)
    return images, organ_map, probs


def teach(ensemble: TeacherEnsemble, pairs: Pairs, images, prompt_map, probs) -> torch.Tensor:
    """The stage as a training step has it, for one process."""
    teacher_logits = ensemble.predict(images, prompt_map, probs.detach(), pairs)
    agreement = pairs.as_matrix(agreement_of_logits(teacher_logits, (SIZE,) * 3))
    scores = pair_scores(Agreements(agreement, agreement, agreement), "agreement", 0.01)
    weights = pairs.from_matrix(pair_weights(select_pairs(scores, "best_half")))
    alpha = torch.rand(pairs.n_samples)[pairs.samples].to(probs.device, non_blocking=True)
    mixture = Mixture(teacher_logits, pairs, alpha, (SIZE,) * 3, average_probs=probs.detach(), average_share=0.3)
    return consistency_loss(probs, mixture.labels, pairs, weights, "mse")


class LargestTensor(TorchDispatchMode):
    """Notes the size of the largest tensor that an operation allocates."""

    n_elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        known = {arg.untyped_storage().data_ptr() for arg in args if isinstance(arg, torch.Tensor)}
        for tensor in out if isinstance(out, (tuple, list)) else [out]:
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().data_ptr() not in known:  # no view
                self.n_elements = max(self.n_elements, tensor.numel())
        return out


def test_memory_does_not_grow_with_the_organs():
    largest = {}
    for n_organs in (20, 117):
        images, prompt_map, probs = make_batch(n_organs)
        ensemble, pairs = make_ensemble(n_organs), valid_pairs(prompt_map, list(range(1, n_organs + 1)))
        assert len(pairs) == 2 * n_organs
        with LargestTensor() as mode, torch.no_grad():
            teacher_logits = ensemble.predict(images, prompt_map, probs, pairs)
            agreement_of_logits(teacher_logits, (SIZE,) * 3)
        largest[n_organs] = mode.n_elements
    low_res = SMALL_CONFIG.low_res_size**3
    n_features = PROMPTS_PER_CHUNK * SMALL_CONFIG.prompt_embed_dim // 8 * low_res  # of one chunk of prompts, upscaled
    n_answers = 2 * 117 * low_res  # low-resolution logits of all pairs
    assert largest[20] <= max(6 * SIZE**3, n_features)
    assert largest[117] == max(largest[20], n_answers)


def test_only_organs_that_are_there_are_decoded(monkeypatch):
    n_organs, decoded = 12, []
    images, prompt_map, probs = make_batch(n_organs)
    prompt_map[1][prompt_map[1] > 5] = 0
    pairs = valid_pairs(prompt_map, list(range(1, n_organs + 1)))
    decode = Sam3DTeacher.decode
    monkeypatch.setattr(
        Sam3DTeacher,
        "decode",
        lambda self, embedding, points, masks: (
            decoded.append(len(points[0] if points else masks)) or decode(self, embedding, points, masks)
        ),
    )
    make_ensemble(n_organs).predict(images, prompt_map, probs, pairs)
    assert decoded == [12, 5, 12, 5]


def prompts_of_each(**config) -> dict[int, dict]:
    """The prompts that each teacher, by its place, gets for three organs of one patch: the paper's, with other fields."""
    ensemble, got = make_ensemble(3), {}
    ensemble.config = replace(ensemble.config, **{**PAPERS_PROMPTS, **config})
    teachers, decode = list(ensemble.teachers.values()), Sam3DTeacher.decode

    def noting(self, embedding, points, masks):
        got[[self is teacher for teacher in teachers].index(True)] = {"points": points, "masks": masks}
        return decode(self, embedding, points, masks)

    images, prompt_map, probs = make_batch(3)
    images = {modality: image[:1] for modality, image in images.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sam3DTeacher, "decode", noting)
        ensemble.predict(images, prompt_map[:1], probs[:1], valid_pairs(prompt_map[:1], [1, 2, 3]))
    return got


def pooled(maps: torch.Tensor) -> torch.Tensor:
    """Maps [n, a, b, c] on the teachers' mask grid, in their axes (x, y, z): here nnU-Net's (y, z, x) of [1, 0, 2]."""
    size = SMALL_CONFIG.low_res_size
    averaged = torch.nn.functional.interpolate(maps[:, None].float(), (size,) * 3, mode="area")
    return averaged.permute(0, 1, 4, 2, 3)


@pytest.mark.parametrize("value", ["logit", "probability"])
@pytest.mark.parametrize("source", ["student", "prompt_generator"])
@pytest.mark.parametrize("kind", ["mask", "points", "points_and_mask"])
@pytest.mark.parametrize(("place", "modality"), [(0, "ct"), (1, "pet")])
def test_each_teacher_is_asked_as_the_config_says(place, modality, kind, source, value):
    fields = {"prompts": kind, "mask_prompt_source": source, "mask_prompt_value": value}
    got = prompts_of_each(**{f"{modality}_{name}": choice for name, choice in fields.items()})
    of_others = prompts_of_each()[1 - place]  # the paper's
    assert (got[1 - place]["points"] is None) == (of_others["points"] is None) == (modality == "pet")
    assert torch.equal(got[1 - place]["masks"], of_others["masks"])
    points, masks = got[place]["points"], got[place]["masks"]
    assert (points is None) == (kind == "mask")
    if points is not None:
        assert torch.equal(points[0], prompts_of_each()[1]["points"][0])
    if kind == "points":
        assert torch.equal(masks, torch.zeros_like(masks))
        return
    _, prompt_map, probs = make_batch(3)
    of_organs = torch.stack([prompt_map[0, 0] == label for label in (1, 2, 3)])
    expected = pooled(probs[0, 1:] if source == "student" else of_organs)
    expected = torch.logit(expected.clamp(1e-4, 1 - 1e-4)) if value == "logit" else expected
    torch.testing.assert_close(masks, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("chunk", [None, 2])
def test_the_pet_teacher_is_asked_with_the_ct_teachers_answer(chunk, monkeypatch):
    images, prompt_map, probs = make_batch(3)
    prompt_map[0][prompt_map[0] == 2] = 0  # the first patch has two organs, the second three
    ensemble, pairs = make_ensemble(3), valid_pairs(prompt_map, [1, 2, 3])
    ensemble.config = replace(ensemble.config, pet_prompts="mask", pet_mask_prompt_source="ct_teacher")
    asked, decode = [], Sam3DTeacher.decode

    def noting(self, embedding, points, masks):
        if self is ensemble.teachers["pet"]:
            asked.append(masks)
        return decode(self, embedding, points, masks)

    monkeypatch.setattr(Sam3DTeacher, "decode", noting)
    answers = ensemble.predict(images, prompt_map, probs, pairs, chunk)["ct"]
    expected = torch.logit(answers.sigmoid().clamp(1e-4, 1 - 1e-4)).permute(0, 1, 4, 2, 3)
    assert len(expected) == 5
    torch.testing.assert_close(torch.cat(asked), expected, rtol=1e-3, atol=1e-4)


def test_the_order_of_organs_does_not_matter():
    images, prompt_map, probs = make_batch(4)
    pairs = valid_pairs(prompt_map, [1, 2, 3, 4])
    teacher_logits = make_ensemble(4).predict(images, prompt_map, probs, pairs)
    order = [3, 0, 2, 1]
    ensemble = make_ensemble(4)
    ensemble.organ_labels = [order[0] + 1, order[1] + 1, order[2] + 1, order[3] + 1]
    other = ensemble.predict(
        images, prompt_map, probs[:, [0, *(o + 1 for o in order)]], valid_pairs(prompt_map, ensemble.organ_labels)
    )
    for modality, logits in teacher_logits.items():
        of_samples = logits.unflatten(0, (2, 4))[:, order].flatten(0, 1)
        torch.testing.assert_close(other[modality], of_samples, rtol=1e-4, atol=1e-5)


class NoWaiting(TorchDispatchMode):
    """Refuses copies for which the host waits: from the GPU, or to it unless they are asynchronous."""

    n_copies = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.ops.aten._to_copy.default:
            source, target = args[0].device.type, torch.device(kwargs.get("device") or args[0].device).type
            assert (source, target) != ("cuda", "cpu"), "the host waits for a value"
            assert source == target or kwargs.get("non_blocking"), "the host waits until its values are copied"
            self.n_copies += source != target
        return func(*args, **kwargs)


def test_nothing_in_the_stage_waits_for_the_gpu():
    # Fake tensors need no GPU and hold no values: .item(), boolean indexing and the like raise, NoWaiting sees the rest.
    _, prompt_map, _ = make_batch(3)
    real = valid_pairs(prompt_map, [1, 2, 3])
    ensemble = make_ensemble(3)
    with FakeTensorMode(allow_non_fake_inputs=True):
        pairs = Pairs(torch.tensor(real.samples.tolist()), torch.tensor(real.organs.tolist()), 2, 3, real.boxes)
        with torch.device("cuda"):
            ensemble.teachers = {modality: Sam3DTeacher(SMALL_CONFIG) for modality in ("ct", "pet")}
            images = {modality: torch.empty(2, 1, SIZE, SIZE, SIZE) for modality in ("ct", "pet")}
            fake_map = torch.empty(2, 1, SIZE, SIZE, SIZE, dtype=torch.int16)
            probs = torch.empty(2, 4, SIZE, SIZE, SIZE, requires_grad=True)
        with NoWaiting() as mode:
            loss = teach(ensemble, pairs, images, fake_map, probs)
        assert (loss.device.type, loss.shape) == ("cuda", ())
        assert mode.n_copies > 0
        with pytest.raises(AssertionError, match="waits"), NoWaiting():
            loss.detach().cpu()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_nothing_in_the_stage_waits_for_a_real_gpu():
    images, prompt_map, probs = make_batch(3)
    ensemble, pairs = make_ensemble(3), valid_pairs(prompt_map, [1, 2, 3])
    for teacher in ensemble.teachers.values():
        teacher.cuda()
    images, prompt_map, probs = {m: i.cuda() for m, i in images.items()}, prompt_map.cuda(), probs.cuda()
    teach(ensemble, pairs, images, prompt_map, probs)  # libraries wait when they are set up
    torch.cuda.set_sync_debug_mode("error")
    try:
        teach(ensemble, pairs, images, prompt_map, probs)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("as_path", [False, True], ids=["by name", "by path"])
def test_a_teacher_of_the_other_modality_is_refused(tmp_path, as_path):
    from nnunetv2_muduo.teachers.weights import load_teacher, save_teacher

    source = "small_pet"
    if as_path:
        source = str(tmp_path / "exchanged.safetensors")
        save_teacher(load_teacher("small_pet"), source, "pet")
    config = MuDuoConfig(ct_teacher=source, pet_teacher="small")
    with pytest.raises(ValueError, match="is for PET, not for CT"):
        TeacherEnsemble(config, [0, 1, 2], [1], torch.device("cpu"))


def test_a_file_that_says_no_modality_serves_either(tmp_path):
    from nnunetv2_muduo.teachers.weights import load_teacher, save_teacher

    save_teacher(load_teacher("small_pet"), tmp_path / "any.pth")
    config = MuDuoConfig(ct_teacher=str(tmp_path / "any.pth"), pet_teacher="small")
    TeacherEnsemble(config, [0, 1, 2], [1], torch.device("cpu"))


def test_a_patch_at_another_spacing_is_resampled_for_the_teachers_and_their_answers_back(monkeypatch):
    """The patch lies in nnU-Net's axes (y, z, x) of [1, 0, 2]."""
    patch_size, size = (20, 12, 24), (SIZE,) * 3
    images, prompt_map, probs = make_batch(2)
    resize = torch.nn.functional.interpolate
    images = {m: resize(image, patch_size, mode="trilinear") for m, image in images.items()}
    probs = resize(probs, patch_size, mode="trilinear")
    prompt_map = torch.zeros(2, 1, *patch_size, dtype=torch.int16)
    prompt_map[:, :, 4:9, 6:9, 10:20], prompt_map[:, :, 12:19, 1:4, 2:8] = 1, 2
    pairs, got, decode = valid_pairs(prompt_map, [1, 2]), [], Sam3DTeacher.decode

    def noting(self, embedding, points, masks):
        got.append((embedding, points))
        return decode(self, embedding, points, masks)

    monkeypatch.setattr(Sam3DTeacher, "decode", noting)
    ensemble = make_ensemble(2)
    ensemble.config = replace(ensemble.config, **PAPERS_PROMPTS)
    answers = ensemble.predict(images, prompt_map, probs, pairs)
    resized = resize(images["ct"].float(), size, mode="trilinear")
    expected = ensemble.teachers["ct"].encode(normalize_ct(resized).permute(0, 1, 4, 2, 3).contiguous())
    torch.testing.assert_close(got[0][0], expected[:1], rtol=1e-3, atol=1e-3)
    points, labels = got[-1][1]  # of the PET teacher, in (x, y, z): 24, 20 and 12 voxels
    assert (labels == 1).all()
    in_patch = points / SIZE * torch.tensor([24, 20, 12])
    for organ, (low, high) in enumerate([((10, 4, 6), (20, 9, 9)), ((2, 12, 1), (8, 19, 4))]):
        assert (in_patch[organ] >= torch.tensor(low)).all()
        assert (in_patch[organ] < torch.tensor(high)).all()
    assert answers["ct"].shape == (4, 1, *(SMALL_CONFIG.low_res_size,) * 3)
    agreement = agreement_of_logits(answers, patch_size)
    assert agreement.isfinite().all()


def test_a_mask_that_is_thinner_than_the_teachers_voxels_is_not_lost():
    masks = torch.zeros(2, 96, 96, 96, dtype=torch.bool)
    masks[0, 40, 41, 42] = True
    masks[1, 20:60, 20:60, 20:60] = True
    seen = make_ensemble(2).masks_as_teachers_see(masks)
    assert seen[0].sum() == 1
    assert int(seen[1].sum()) == 10**3
    assert torch.equal(make_ensemble(2).masks_as_teachers_see(seen), seen.permute(0, 3, 1, 2))
