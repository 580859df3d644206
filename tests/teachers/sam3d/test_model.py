"""What `encode` and `decode` promise: shapes, batching, frozen state, precision, clear errors."""

import pytest
import torch
from support import build_small_teacher
from torch._subclasses.fake_tensor import FakeTensorMode

from nnunetv2_muduo.teachers.sam3d import model


@pytest.fixture
def embedding(small_teacher, generator):
    return small_teacher.encode(torch.randn(1, 1, 32, 32, 32, generator=generator))


@pytest.fixture
def points(generator):
    coordinates = torch.randint(0, 32, (5, 3, 3), generator=generator)
    return coordinates, torch.tensor([[1, 1, 1], [1, 0, 1], [1, -1, -1], [0, 0, 1], [1, 1, -1]])


@pytest.fixture
def masks(generator):
    return 3 * torch.randn(5, 1, 16, 16, 16, generator=generator)


def assert_close(value, expected):
    torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5)


def test_shapes(small_teacher, embedding, points, masks):
    assert (small_teacher.image_size, small_teacher.low_res_size) == (32, 16)
    assert embedding.shape == (1, 96, 4, 4, 4)
    assert small_teacher.decode(embedding, points, masks).shape == (5, 1, 16, 16, 16)
    assert small_teacher.decode(embedding, points, masks, multimask_output=True).shape == (5, 3, 16, 16, 16)


def test_patches_of_a_batch_are_encoded_independently(small_teacher, generator):
    images = torch.randn(3, 1, 32, 32, 32, generator=generator)
    one_by_one = torch.cat([small_teacher.encode(image[None]) for image in images])
    assert_close(small_teacher.encode(images), one_by_one)


@pytest.mark.parametrize("kind", ["points", "masks", "both"])
def test_prompts_are_decoded_independently_across_chunks(small_teacher, embedding, points, masks, kind, monkeypatch):
    monkeypatch.setattr(model, "PROMPTS_PER_CHUNK", 2)
    points = None if kind == "masks" else points
    masks = None if kind == "points" else masks
    one_by_one = [
        small_teacher.decode(
            embedding,
            points and (points[0][i : i + 1], points[1][i : i + 1]),
            None if masks is None else masks[i : i + 1],
        )
        for i in range(5)
    ]
    assert_close(small_teacher.decode(embedding, points, masks), torch.cat(one_by_one))


def test_one_mask_serves_all_points(small_teacher, embedding, points, masks):
    repeated = masks[:1].expand(5, -1, -1, -1, -1).contiguous()
    assert_close(small_teacher.decode(embedding, points, masks[:1]), small_teacher.decode(embedding, points, repeated))


def test_answers_depend_on_every_input(small_teacher, embedding, points, masks):
    coordinates, labels = points
    reference = small_teacher.decode(embedding, points, masks)
    others = {
        "image": (embedding.flip(2), points, masks),
        "coordinates": (embedding, (coordinates.flip(-1), labels), masks),
        "labels": (embedding, (coordinates, 1 - labels.clamp(min=0)), masks),
        "masks": (embedding, points, -masks),
        "no mask": (embedding, points, None),
    }
    assert reference.std() > 0.05
    for name, arguments in others.items():
        difference = (small_teacher.decode(*arguments) - reference).flatten(1).norm(dim=1)
        assert (difference > 1e-3).all(), name


def test_coordinates_of_padding_points_are_ignored(small_teacher, embedding, points):
    coordinates, labels = points
    moved = torch.where(labels.unsqueeze(-1) == -1, coordinates + 9, coordinates)
    assert not torch.equal(moved, coordinates)
    assert torch.equal(small_teacher.decode(embedding, points), small_teacher.decode(embedding, (moved, labels)))


def test_padding_label_is_no_negative_click(small_teacher, embedding, points):
    coordinates, labels = points
    negative = coordinates, labels.clamp(min=0)
    changed = (
        (small_teacher.decode(embedding, points) - small_teacher.decode(embedding, negative)).flatten(1).norm(dim=1)
    )
    assert changed.gt(1e-3).tolist() == [False, False, True, False, True]


def test_teacher_is_frozen_and_stays_in_eval_mode():
    teacher = build_small_teacher(0)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert not any(module.training for module in torch.nn.ModuleList([teacher]).train()[0].modules())


def test_inference_mode_gives_the_same(small_teacher, embedding, points, masks):
    with torch.inference_mode():
        assert torch.equal(
            small_teacher.decode(embedding, points, masks), small_teacher.decode(embedding, points, masks)
        )
    image = torch.ones(1, 1, 32, 32, 32)
    with torch.inference_mode():
        inferred = small_teacher.encode(image)
    assert torch.equal(inferred, small_teacher.encode(image))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_stays_close_to_float32(small_teacher, embedding, points, masks, dtype, generator):
    image = torch.randn(1, 1, 32, 32, 32, generator=generator)
    with torch.autocast("cpu", dtype):
        encoded, decoded = small_teacher.encode(image), small_teacher.decode(embedding, points, masks)
    for value, expected in (
        (encoded, small_teacher.encode(image)),
        (decoded, small_teacher.decode(embedding, points, masks)),
    ):
        assert ((value.float() - expected).norm() / expected.norm()) < 0.03


def test_nothing_waits_for_values_on_the_host():
    # fake tensors have no values: .item(), boolean indexing and the like raise
    with FakeTensorMode():
        teacher = build_small_teacher(0)
        embedding = teacher.encode(torch.empty(1, 1, 32, 32, 32))
        points = torch.zeros(20, 3, 3), torch.ones(20, 3)
        assert teacher.decode(embedding, points, torch.zeros(20, 1, 16, 16, 16)).shape == (20, 1, 16, 16, 16)


def test_small_teachers_are_reproducible_and_differ_by_seed():
    first, again, other = (build_small_teacher(seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["image_encoder.pos_embed"], other["image_encoder.pos_embed"])
    assert 1e6 < sum(tensor.numel() for tensor in first.values()) < 2e6


def test_wrong_image_shape_names_the_patch_size(small_teacher):
    with pytest.raises(ValueError, match=r"\[B, 1, 32, 32, 32\], got \[1, 1, 32, 32, 16\]; the patch size"):
        small_teacher.encode(torch.zeros(1, 1, 32, 32, 16))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": None, "masks": None}, "needs points, masks or both"),
        ({"embedding": torch.zeros(2, 96, 4, 4, 4)}, "decode patch by patch"),
        ({"masks": torch.zeros(5, 1, 32, 32, 32)}, r"masks must be \[N, 1, 16, 16, 16\]"),
        ({"masks": torch.zeros(3, 1, 16, 16, 16)}, "5 point prompts, but 3 masks"),
        ({"points": (torch.zeros(5, 3), torch.zeros(5))}, r"coordinates must be \[N, K, 3\]"),
        ({"points": (torch.zeros(5, 2, 3), torch.zeros(5, 3))}, r"labels must be \[5, 2\], got \[5, 3\]"),
    ],
)
def test_wrong_prompts_are_refused(small_teacher, embedding, points, masks, change, message):
    arguments = {"embedding": embedding, "points": points, "masks": masks} | change
    with pytest.raises(ValueError, match=message):
        small_teacher.decode(**arguments)


def test_names_and_shapes_are_the_public_checkpoints(golden_teacher, layout):
    assert {name: list(x.shape) for name, x in golden_teacher.state_dict().items()} == layout


def test_prompts_of_several_patches_are_those_of_each(tiny_teacher, generator, monkeypatch):
    monkeypatch.setattr(model, "PROMPTS_PER_CHUNK", 2)
    embeddings = tiny_teacher.encode(torch.randn(3, 1, 16, 16, 16, generator=generator))
    points = 16 * torch.rand(5, 2, 3, generator=generator), torch.ones(5, 2)
    masks = torch.randn(5, 1, 16, 16, 16, generator=generator)
    crop_index = torch.tensor([0, 0, 1, 2, 2])
    together = tiny_teacher.decode(embeddings[crop_index], points, masks)
    for n, crop in enumerate(crop_index.tolist()):
        one = slice(n, n + 1)
        alone = tiny_teacher.decode(embeddings[crop : crop + 1], (points[0][one], points[1][one]), masks[one])
        torch.testing.assert_close(together[one], alone, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="give each of the 5 prompts its own"):
        tiny_teacher.decode(embeddings, points, masks)
