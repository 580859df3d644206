"""Exchange between the processes of one training: every rank takes part in every exchange, whatever its own patches hold."""

import os
import time
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch._dynamo import OptimizedModule
from torch.nn.parallel import DistributedDataParallel

from nnunetv2_muduo.parallel import n_threads

_SECONDS_BETWEEN_LOOKS = 1


def world_size() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process among them."""
    return dist.get_rank() if world_size() > 1 else 0


def own_device() -> torch.device:
    """What this process computes on: the GPU that torchrun gives it on its machine, the CPU in a group that uses gloo."""
    if dist.get_backend() == "gloo":
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ["LOCAL_RANK"]) if dist.is_torchelastic_launched() else rank())


def limit_threads(device: torch.device) -> None:
    """On a CPU, as many threads as `n_threads` says: nnU-Net's commands take all cores, whoever else computes there."""
    if device.type == "cpu":
        torch.set_num_threads(n_threads())


def wrap(network: nn.Module, device: torch.device) -> nn.Module:
    """The network as nnU-Net wraps it for several processes."""
    if device.type == "cpu":
        return DistributedDataParallel(network)
    return DistributedDataParallel(nn.SyncBatchNorm.convert_sync_batchnorm(network), device_ids=[device.index])


def bare(network: nn.Module) -> nn.Module:
    """A network without the wrappers of DDP and torch.compile."""
    network = network.module if isinstance(network, DistributedDataParallel) else network
    return network._orig_mod if isinstance(network, OptimizedModule) else network


def barrier() -> None:
    """Wait for every other process."""
    if world_size() > 1:
        dist.barrier()


def tell_other_ranks(what: str) -> None:
    """End the waiting of the other processes for something that the first one does, once it is done."""
    if world_size() > 1:
        dist.distributed_c10d._get_default_store().set(what, "done")


def wait_for_first_rank(what: str) -> None:
    """Wait until the first process has told that something is done, however long that takes."""
    store = dist.distributed_c10d._get_default_store()  # the group's own: torch has no public name for it
    while not store.check([what]):
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def true_everywhere(value: bool, device: torch.device) -> bool:
    """Whether a value is true in every process."""
    if world_size() == 1:
        return value
    flag = torch.tensor(float(value), device=device)
    dist.all_reduce(flag, dist.ReduceOp.MIN)
    return bool(flag)


def own_share(global_batch_size: int) -> int:
    """This rank's part of a batch; earlier ranks take the remainder.

    Raises:
        ValueError: fewer patches than processes.
    """
    if global_batch_size < world_size():
        raise ValueError(
            f"An unlabeled batch of {global_batch_size} can't be shared by {world_size()} GPUs. Raise unlabeled_batch_size "
            f"or use fewer GPUs."
        )
    return global_batch_size // world_size() + (rank() < global_batch_size % world_size())


def gather_rows(matrix: Tensor) -> Tensor:
    """Rows of every rank's matrix [n, m], one below the other in the order of ranks; n may differ between ranks."""
    if world_size() == 1:
        return matrix
    counts = _counts(len(matrix))
    padded = matrix.new_zeros(max(counts), matrix.shape[1])
    padded[: len(matrix)] = matrix
    gathered = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(gathered, padded)
    return torch.cat([rows[:n] for rows, n in zip(gathered, counts, strict=True)])


def own_rows(matrix: Tensor, n_own: int) -> Tensor:
    """This rank's `n_own` rows of a matrix with the rows of all ranks, as `gather_rows` makes it."""
    if world_size() == 1:
        return matrix
    start = sum(_counts(n_own)[: rank()])
    return matrix[start : start + n_own]


def share_weight(n_own: int) -> float:
    """Factor that turns DDP's mean over ranks of each one's mean over `n_own` patches into the mean over the global batch."""
    return n_own * world_size() / sum(_counts(n_own)) if world_size() > 1 else 1.0


def mean_over_patches(mean: Tensor, n_own: int) -> Tensor:
    """Mean over the patches of all ranks, from each rank's mean over its `n_own`. Without gradient."""
    if world_size() == 1:
        return mean.detach()
    share = mean.detach() * share_weight(n_own) / world_size()
    dist.all_reduce(share)
    return share


def sum_over_ranks(values: np.ndarray) -> np.ndarray:
    """Sum of an array over all ranks."""
    if world_size() == 1:
        return values
    of_ranks: list = [None] * world_size()
    dist.all_gather_object(of_ranks, values)
    return np.sum(of_ranks, axis=0)


def mean_over_ranks(value: float) -> float:
    """Mean of a number over all ranks."""
    if world_size() == 1:
        return value
    values: list = [None] * world_size()
    dist.all_gather_object(values, value)
    return sum(values) / len(values)


@lru_cache
def _counts(n_own: int) -> list[int]:
    """Every rank's number, in the order of ranks. Asked for once: each rank's share of a batch stays the same."""
    counts: list = [None] * world_size()
    dist.all_gather_object(counts, n_own)
    return counts
