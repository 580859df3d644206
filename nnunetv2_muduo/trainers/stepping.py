"""A step of a training: gradients of nnU-Net's loss, and an update of the weights that non-finite values never reach."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from torch import Tensor, autocast, nn
from torch.optim import Optimizer

from nnunetv2_muduo.checkpoints import resumable
from nnunetv2_muduo.trainers import distributed

MOST_SKIPPED_IN_A_ROW = 20


class SteppingTrainer(nnUNetTrainer):
    """nnU-Net's trainer with steps that can't spoil the weights."""

    autocast_dtype: torch.dtype | None = None
    """Type of mixed precision, on any device. None: nnU-Net's own, which is float16 on CUDA and none elsewhere."""

    n_skipped_in_epoch: int = 0
    n_skipped_in_a_row: int = 0

    def train_step(self, batch: dict) -> dict:
        """nnU-Net's step, left out where its loss is not finite."""
        self.forget_gradients()
        loss = self.learn_from_labels(batch)
        return {"loss": loss, "finite": self.update_student(loss)}

    def forget_gradients(self) -> None:
        """Before the first half of a step."""
        for optimizer in self.optimizers():
            optimizer.zero_grad(set_to_none=True)

    def learn_from_labels(self, batch: dict) -> np.ndarray:
        """nnU-Net's own loss on the labeled batch, and its gradients."""
        data, target = self._to_device(batch["data"]), batch["target"]
        target = [self._to_device(t) for t in target] if isinstance(target, list) else self._to_device(target)
        with self._autocast():
            loss = self.labeled_loss(data, target)
        self._backward(loss)
        return loss.detach().cpu().numpy()

    def labeled_loss(self, data: Tensor, target: Tensor | list[Tensor]) -> Tensor:
        """nnU-Net's own loss. For subclasses that ask more of labels."""
        return self.loss(self.network(data), target)

    def update_student(self, *losses: np.ndarray) -> bool:
        """nnU-Net's optimizer step on the gradients gathered so far, if all is finite; the same on every GPU.

        Returns:
            Whether the losses are finite everywhere.

        Raises:
            RuntimeError: nothing could be learned for 20 steps in a row.
        """
        finite = distributed.true_everywhere(bool(np.isfinite(losses).all()), self.device)
        learned = finite and self._optimizer_step()
        if learned:
            self.on_student_updated()
        self.n_skipped_in_epoch += not learned
        self.n_skipped_in_a_row = 0 if learned else self.n_skipped_in_a_row + 1
        if self.n_skipped_in_a_row >= MOST_SKIPPED_IN_A_ROW:
            newest = max(resumable(Path(self.output_folder)), key=lambda file: file.stat().st_mtime, default="none yet")
            raise RuntimeError(
                f"Loss or gradients were not finite in {self.n_skipped_in_a_row} steps in a row (last losses: "
                f"{', '.join(f'{float(loss):g}' for loss in losses)}). No such step has touched the weights. Last good "
                f"checkpoint: {newest}. Look for images with extreme values; with --c the training goes on from it."
            )
        return finite

    def on_student_updated(self) -> None:
        """Called after a step that has changed the student's weights, never after one left out. For subclasses."""

    def networks(self) -> list[nn.Module]:
        """Networks whose gradients are clipped, and must be finite, at a step. For subclasses that train more than the student.

        Their wrapping for several GPUs and their place in the checkpoint are the subclass's own.
        """
        return [self.network]

    def optimizers(self) -> list[Optimizer]:
        """What updates the weights of `networks` at a step: all of it, or where a gradient is not finite none."""
        return [self.optimizer]

    def _optimizer_step(self) -> bool:
        """Whether the gradients were finite: others never reach the weights. DDP has made them the same on every GPU."""
        if self.grad_scaler is not None:
            for optimizer in self.optimizers():
                self.grad_scaler.unscale_(optimizer)
        norms = [nn.utils.clip_grad_norm_(network.parameters(), 12) for network in self.networks()]
        finite = all(bool(norm.isfinite()) for norm in norms)
        if not finite:  # in one network alone: the others don't learn from this step either
            self.forget_gradients()
        for optimizer in self.optimizers():
            optimizer.step() if self.grad_scaler is None else self.grad_scaler.step(optimizer)
        if self.grad_scaler is not None:
            self.grad_scaler.update()  # lowers its scale where gradients overflowed
        return finite

    def _to_device(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)

    def _backward(self, loss: Tensor) -> None:
        (loss if self.grad_scaler is None else self.grad_scaler.scale(loss)).backward()

    def _autocast(self):
        if self.autocast_dtype is not None:
            return autocast(self.device.type, dtype=self.autocast_dtype)
        return autocast("cuda") if self.device.type == "cuda" else nullcontext()

    def on_train_epoch_end(self, train_outputs: list[dict]):
        """nnU-Net's, on the steps whose losses were finite; the others are counted in the log."""
        if self.n_skipped_in_epoch:
            self.print_to_log_file(
                f"Skipped {self.n_skipped_in_epoch} of {len(train_outputs)} steps, in which loss or gradients were not finite"
                + (" (some are usual when mixed precision starts)." if self.grad_scaler is not None else ".")
            )
            self.n_skipped_in_epoch = 0
        super().on_train_epoch_end(finite_steps(train_outputs))


def finite_steps(train_outputs: list[dict]) -> list[dict]:
    """The outputs of steps whose losses were finite on every GPU; all of them where none was."""
    return [output for output in train_outputs if output["finite"]] or train_outputs
