"""Fault-tolerant training: exact resume, whole checkpoints, devices of several machines.

docs/reliability.md lists every fault with its test.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from batchgenerators.utilities.file_and_folder_operations import join
from torch import Tensor

from nnunetv2_muduo.checkpoints import (
    BEST,
    FINAL,
    LATEST,
    PREVIOUS,
    STATE_KEY,
    read_checkpoint,
    remove_half_written,
    remove_superseded,
    resumable,
    set_aside_unfit,
    written_whole,
)
from nnunetv2_muduo.data.loader import random_states, set_random_states
from nnunetv2_muduo.data.worker_status import TrackedDataset, WorkerStatus
from nnunetv2_muduo.trainers import distributed
from nnunetv2_muduo.trainers.stepping import SteppingTrainer


class FaultTolerantTrainer(SteppingTrainer):
    """nnU-Net's trainer with exact resuming, checkpoints that are whole, and steps that can't spoil the weights."""

    worker_status: WorkerStatus | None = None
    """What the processes that load data are at; from `initialize` on."""

    is_finished: bool = False
    """Whether the checkpoint that was loaded ends the training: all that is left is nnU-Net's validation."""

    _random_states_to_resume: dict | None = None

    def initialize(self):
        """nnU-Net's, but in a training of several processes each takes the GPU that its own machine gives it."""
        self.worker_status = WorkerStatus()  # before there are workers, which share it
        # nnU-Net takes the rank for the GPU's number, which is right on one machine alone: joining is done here.
        joined, self.is_ddp = self.is_ddp, False
        if joined:
            self.device = distributed.own_device()
            self.grad_scaler = self.grad_scaler if self.device.type == "cuda" else None
        distributed.limit_threads(self.device)
        super().initialize()
        if joined:
            self.is_ddp = True
            self._set_batch_size_and_oversample()
            self.loss = self._build_loss()
            self.network = distributed.wrap(self.network, self.device)

    # ------------------------------------------------------------------ reading

    def get_tr_and_val_datasets(self):
        """nnU-Net's data sets; a case that can't be read is named."""
        return tuple(TrackedDataset(dataset, self.worker_status) for dataset in super().get_tr_and_val_datasets())

    def run_training(self):
        """nnU-Net's; where it says no more than that a worker process is gone, this says why.

        Nothing is made for a training that is finished, which nnU-Net validates afterwards.
        """
        if self.is_finished:
            self.print_to_log_file("The training is finished: it is only validated.")
            if self.local_rank == 0:
                remove_superseded(Path(self.output_folder))
            return
        try:
            super().run_training()
        except RuntimeError as error:
            trouble = self.worker_status and self.worker_status.trouble()  # none yet where initialize refused
            if trouble is None:
                raise
            raise RuntimeError(trouble) from error

    # ------------------------------------------------------------------ checkpoints

    def on_train_start(self):
        """nnU-Net's, after `before_training`: nothing of a trainer that is not initialized yet is read by either."""
        if not self.was_initialized:
            self.initialize()
        self.before_training()
        super().on_train_start()
        # Last, since starting the loaders has drawn from them. Only the first rank's are stored.
        if self._random_states_to_resume is not None and not self.is_ddp:
            self.set_random_states(self._random_states_to_resume)

    def before_training(self) -> None:
        """What must be there, or is refused, before the loaders start; the trainer is initialized. For subclasses."""
        if self.local_rank == 0:
            remove_half_written(Path(self.output_folder))

    def on_train_end(self):
        super().on_train_end()
        if self.local_rank == 0:
            Path(self.output_folder, PREVIOUS).unlink(missing_ok=True)  # as nnU-Net does with the latest one

    def random_states(self) -> dict:
        """Everything random in this process, so that a continued training draws what an undisturbed one would have."""
        return {"global": random_states()}

    def set_random_states(self, states: dict) -> None:
        """Go on from what `random_states` gave."""
        set_random_states(states["global"])

    def muduo_state(self) -> dict:
        """Our own entries of a checkpoint."""
        return {"random_states": self.random_states(), "own": self.own_state()}

    def own_state(self) -> dict:
        """What a method keeps beside the student and must survive `--c`, such as a moving average. For subclasses."""
        return {}

    def restore(self, state: dict) -> None:
        """Take over what `own_state` gave, on the CPU. For subclasses."""

    def save_checkpoint(self, filename: str) -> None:
        """nnU-Net's checkpoint with our entries in it, whole or not there; the latest one before the latest is kept.

        Raises:
            RuntimeError: it could not be written; the message tells how much room it needs.
        """
        self.my_init_kwargs[STATE_KEY] = self.muduo_state()
        if self.local_rank != 0 or self.disable_checkpointing:
            super().save_checkpoint(filename)
            return
        if Path(filename).name == LATEST:
            self._save_best_first()
        with written_whole(Path(filename), self._n_checkpoint_bytes()) as temporary:
            super().save_checkpoint(str(temporary))

    def _save_best_first(self) -> None:
        """nnU-Net saves the best one after the latest. Continued after being killed between the two, it would lack it."""
        emas = self.logger.get_value("ema_fg_dice", step=None)
        if emas and (self._best_ema is None or emas[-1] > self._best_ema):
            self._best_ema = emas[-1]
            self.print_to_log_file(f"New best EMA pseudo Dice: {np.round(emas[-1], decimals=4)}")
            self.save_checkpoint(join(self.output_folder, BEST))

    def _n_checkpoint_bytes(self) -> int:
        """Of weights, optimizer, and what the method keeps beside them; weights that have two names are written once."""
        content = self.network.state_dict(), self.optimizer.state_dict(), self.my_init_kwargs[STATE_KEY]
        storages = (tensor.untyped_storage() for tensor in _tensors_in(content))
        return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())

    def load_checkpoint(self, filename_or_checkpoint: str) -> None:
        """nnU-Net's loading. Continuing (`--c`), a checkpoint that is damaged or another trainer's gives way to the next.

        Raises:
            ValueError: damaged or not ours, and there is no other; or its config differs (see `accept_checkpoint`).
        """
        path = Path(filename_or_checkpoint)
        if self.logger.resume:
            path = self._checkpoint_to_continue(path)
        content = read_checkpoint(path)
        state = content["init_args"].get(STATE_KEY)
        if state is None:
            raise ValueError(f"{path} was not written by {type(self).__name__}. Start without --c / --val.")
        if not self.was_initialized:
            self.my_init_kwargs[STATE_KEY] = state
            self.initialize()
        self.is_finished |= path.name == FINAL and content.get("current_epoch", 0) >= self.num_epochs
        if self.logger.resume:
            self.accept_checkpoint(state, path)
            self._random_states_to_resume = state.get("random_states")
        super().load_checkpoint(str(path))
        # nnU-Net has read everything onto the device; what a method keeps there is its own copy.
        self.my_init_kwargs[STATE_KEY] = {key: of for key, of in state.items() if key not in ("own", "random_states")}
        self.restore(state.get("own", {}))

    def accept_checkpoint(self, state: dict, path: Path) -> None:
        """Refuse to continue from a checkpoint of ours that does not fit. For subclasses."""

    def _checkpoint_to_continue(self, wanted: Path) -> Path:
        if self.local_rank == 0:
            for file, reason in set_aside_unfit(wanted.parent, type(self).__name__).items():
                self.print_to_log_file(f"Can't continue from a checkpoint: {reason}. It is kept as {file}.")
        distributed.barrier()
        found = resumable(wanted.parent, wanted.name)
        if not found:
            raise ValueError(
                f"{wanted} can't be continued from, and no checkpoint beside it can (see above). Start without --c."
            )
        self.print_to_log_file(f"Continuing from {found[0]}.")
        return found[0]


def _tensors_in(content: Any) -> Iterator[Tensor]:
    """All tensors within mappings, lists and tuples."""
    if isinstance(content, Tensor):
        yield content
    elif isinstance(content, dict | list | tuple):
        for part in content.values() if isinstance(content, dict) else content:
            yield from _tensors_in(part)
