import pytest

from nnunetv2_muduo.teachers.sam3d.config import Sam3DConfig


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window_size": 7}, "window_size 7 is below the token grid's 8"),
        ({"image_size": 100}, "image_size 100 is no multiple of patch_size"),
        ({"embed_dim": 770}, "embed_dim 770 is no multiple of n_heads"),
        ({"prompt_embed_dim": 128}, "prompt_embed_dim 128 is no multiple of 6"),
        ({"global_attention_blocks": (12,)}, r"global_attention_blocks \[12\] are not below depth 12"),
        ({"depth": 0}, "depth must be a positive integer, got 0"),
    ],
)
def test_impossible_architectures_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Sam3DConfig(**change)


def test_a_window_below_the_grid_is_fine_where_no_block_uses_it():
    assert Sam3DConfig(depth=2, global_attention_blocks=(0, 1), window_size=4).grid_size == 8
