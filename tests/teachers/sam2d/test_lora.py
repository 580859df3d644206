import torch
from torch import nn

from nnunetv2_muduo.teachers.sam2d.lora import QueryValueLoRA


def filled(channels=12, rank=4):
    torch.manual_seed(0)
    layer = QueryValueLoRA(nn.Linear(channels, 3 * channels), rank)
    nn.init.normal_(layer.query_up)
    nn.init.normal_(layer.value_up)
    return layer


def test_nothing_is_changed_at_the_start():
    qkv, tokens = nn.Linear(12, 36), torch.rand(2, 5, 5, 12)
    assert torch.equal(QueryValueLoRA(qkv, 4)(tokens), qkv(tokens))


def test_query_and_value_change_by_their_own_product_and_the_key_not_at_all():
    layer, tokens = filled(), torch.rand(7, 12)
    query, key, value = (layer(tokens) - layer.qkv(tokens)).chunk(3, -1)
    torch.testing.assert_close(query, torch.einsum("nc,rc,or->no", tokens, layer.query_down, layer.query_up))
    torch.testing.assert_close(value, torch.einsum("nc,rc,or->no", tokens, layer.value_down, layer.value_up))
    assert not key.any()


def test_rank_is_4_and_the_layer_itself_is_frozen():
    layer = filled()
    change = layer(torch.eye(12)) - layer.qkv(torch.eye(12))
    assert torch.linalg.matrix_rank(change[:, :12], atol=1e-4) == 4
    assert torch.linalg.matrix_rank(change[:, 24:], atol=1e-4) == 4
    trained = {name for name, one in layer.named_parameters() if one.requires_grad}
    assert trained == {"query_down", "query_up", "value_down", "value_up"}
