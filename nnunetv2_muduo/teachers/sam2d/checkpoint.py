"""Files of fine-tuned SAMs: all weights, so that no other file is needed, the architecture, and what they were made from."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nnunetv2_muduo.storage import replacing
from nnunetv2_muduo.teachers.sam2d.network import SemanticSam, with_architecture

_ARCHITECTURE, _RANK, _MADE_FROM = "sam_config", "lora_rank", "made_from"


@dataclass(frozen=True)
class FineTunedSam:
    """Content of a file."""

    weights: dict[str, Tensor]
    architecture: dict[str, Any]
    rank: int
    made_from: dict[str, Any]
    """Digests of labels and plans, what the network sees, and how it was trained."""

    def network(self) -> SemanticSam:
        """The network, frozen and in evaluation mode. Raises RuntimeError where `transformers` is not installed."""
        with torch.random.fork_rng(devices=[]):  # building a network draws random numbers
            network = with_architecture(self.architecture, self.rank)
        network.load_state_dict(self.weights)
        return network.requires_grad_(False).eval()


def save_fine_tuned(network: SemanticSam, made_from: dict[str, Any], path: Path) -> None:
    """Write a network in one step, as a `.safetensors` file with JSON in its metadata."""
    from safetensors.torch import save_file

    weights = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
    about = {_ARCHITECTURE: network.architecture, _RANK: network.rank, _MADE_FROM: made_from}
    with replacing(path) as temporary:
        save_file(weights, temporary, metadata={key: json.dumps(value) for key, value in about.items()})


def read_fine_tuned(path: Path) -> FineTunedSam:
    """What `save_fine_tuned` wrote.

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged, or of another kind.
    """
    with _opened(path) as (file, about):
        weights = {name: file.get_tensor(name) for name in file.keys()}
    return FineTunedSam(weights, about[_ARCHITECTURE], about[_RANK], about[_MADE_FROM])


def read_made_from(path: Path) -> dict[str, Any]:
    """What a network was made from, without its weights. Raises as `read_fine_tuned`."""
    with _opened(path) as (_, about):
        return about[_MADE_FROM]


def read_without_values(path: Path) -> SemanticSam:
    """The network on PyTorch's meta device: its size, no weights. Raises as `read_fine_tuned` and `FineTunedSam.network`."""
    with _opened(path) as (_, about), torch.device("meta"):
        return with_architecture(about[_ARCHITECTURE], about[_RANK])


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The open file, and what its metadata say."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileNotFoundError(f"fine-tuned SAM {path}: no such file. `muduo teacher train2d` writes one")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            yield file, {key: json.loads(metadata[key]) for key in (_ARCHITECTURE, _RANK, _MADE_FROM)}
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"fine-tuned SAM {path} can't be read ({str(error).splitlines()[0]}): truncated, or not written by "
            "`muduo teacher train2d`"
        ) from error
