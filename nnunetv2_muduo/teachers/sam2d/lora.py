"""LoRA (Hu et al., 2021) on query and value of SAM's image encoder.

SAM keeps query, key and value in one linear layer, `qkv`. A library's LoRA on that layer is one low-rank product for the three
together: it changes the key too, and query and value share their rank. Hence these few lines and no `peft`.
"""

import math

import torch
from torch import Tensor, nn


class QueryValueLoRA(nn.Module):
    """A frozen layer [..., c] -> [..., 3 * c], with a learned change of rank `rank` for the query and another for the value.

    Nothing is changed at the start: the second factors are zero. There is no scaling, as in CFR's code.
    """

    def __init__(self, qkv: nn.Linear, rank: int):
        super().__init__()
        self.qkv = qkv.requires_grad_(False)
        self.query_down, self.value_down = (_first_factor(qkv, rank) for _ in range(2))
        self.query_up, self.value_up = (nn.Parameter(qkv.weight.new_zeros(qkv.in_features, rank)) for _ in range(2))

    def forward(self, tokens: Tensor) -> Tensor:
        query = tokens @ self.query_down.T @ self.query_up.T
        value = tokens @ self.value_down.T @ self.value_up.T
        return self.qkv(tokens) + torch.cat([query, torch.zeros_like(query), value], -1)


def _first_factor(qkv: nn.Linear, rank: int) -> nn.Parameter:
    factor = nn.Parameter(qkv.weight.new_empty(rank, qkv.in_features))
    nn.init.kaiming_uniform_(factor, a=math.sqrt(5))
    return factor
