"""Fine-tuning of a 2D SAM on crops of labeled cases, laid out as canvases of their slices."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from nnunetv2_muduo.data.generator_folders import FINE_TUNED_SAM
from nnunetv2_muduo.storage import replacing, write_json
from nnunetv2_muduo.teacher_training.finite_steps import step_where_finite
from nnunetv2_muduo.teacher_training.half_precision import half_where_possible
from nnunetv2_muduo.teacher_training.train2d.losses import NO_CLASS, cross_entropy_and_dice, mean_dice, organ_counts
from nnunetv2_muduo.teacher_training.train2d.settings import FineTuningSettings
from nnunetv2_muduo.teachers.sam2d.checkpoint import save_fine_tuned
from nnunetv2_muduo.teachers.sam2d.labeling import canvases_of, label_crops
from nnunetv2_muduo.teachers.sam2d.network import SemanticSam
from nnunetv2_muduo.teachers.sam2d.slices import to_canvases

FINAL, BEST, STATE, HISTORY = FINE_TUNED_SAM, "best.safetensors", "state.pth", "fine_tuning.json"
N_LOOKS = 20
"""At the held-out crops, over a training; each is followed by a checkpoint."""
_KEPT = ("iteration", "losses", "history", "seconds")


@dataclass(frozen=True)
class Crops:
    """Crops of labeled cases.

    images: [B, C, a, b, c], intensities as nnU-Net normalizes them.
    labels: [B, 1, a, b, c], integers, 255 for what is to be ignored.
    """

    images: Tensor
    labels: Tensor


@dataclass
class FineTuning:
    """One training, from its beginning or from where it stopped.

    network: trained in place, on its device. axis: along which crops are cut, of their three.
    draw: crops from the one of a number on; drawn in this process they are the same for the same number.
    held_out: crops that choose the best weights; with none the last ones are kept.
    folder: where the files go. made_from: goes into them.
    """

    network: SemanticSam
    settings: FineTuningSettings
    axis: int
    draw: Callable[[int], Iterator[Crops]]
    held_out: list[Crops]
    folder: Path
    made_from: dict[str, Any]
    say: Callable[[str], None] = print

    def __post_init__(self):
        trained = [one for one in self.network.parameters() if one.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, self.settings.lr, weight_decay=self.settings.weight_decay)
        self.iteration, self.losses, self.history, self.seconds, self.n_skipped = 0, [], [], 0.0, 0
        self.device = next(self.network.parameters()).device

    def run(self, most_seconds: float = float("inf")) -> Path | None:
        """Train to the end, or until the time is over. Returns the file of the fine-tuned network; None where it isn't done."""
        start, before, n = time.monotonic(), self.seconds, self.settings.n_iterations
        every = -(-n // N_LOOKS)
        with tqdm(total=n, initial=self.iteration, unit="it", disable=None) as progress:
            for crops in self.draw(self.iteration) if self.iteration < n else ():
                self.losses.append(self.step(crops))
                progress.update()
                self.seconds = before + time.monotonic() - start
                is_over = self.iteration == n or self.seconds - before > most_seconds
                if self.iteration % every == 0 or self.iteration == n:
                    self.look_and_save()
                elif is_over:
                    self._save()
                if is_over:
                    break
        return self.finish() if self.iteration == n else None

    def step(self, crops: Crops) -> float:
        """One update of the weights; returns the loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.lr * (1 - self.iteration / self.settings.n_iterations) ** 0.9
        self.network.train()
        self.optimizer.zero_grad()
        loss = self.loss(crops)
        loss.backward()
        self.n_skipped = step_where_finite(self.optimizer, self.n_skipped)
        self.iteration += 1
        return float(loss.detach())

    def loss(self, crops: Crops) -> Tensor:
        """Of all canvases of some crops."""
        size = self.network.canvas_size
        canvases = canvases_of(crops.images.to(self.device), self.axis, size)
        labels = torch.cat([to_canvases(one, self.axis, size, fill=NO_CLASS) for one in crops.labels.to(self.device)])
        with half_where_possible(self.device):
            logits = self.network(canvases)
        return cross_entropy_and_dice(logits.float(), labels[:, 0])

    def look_and_save(self) -> None:
        """Measure on the held-out crops, say it, and save."""
        dice = self.dice_held_out()
        loss, self.losses = sum(self.losses) / max(len(self.losses), 1), []
        if dice is not None and dice > max((entry["dice"] for entry in self.history), default=-1.0):
            save_fine_tuned(self.network, self.made_from, self.folder / BEST)
        self.history.append({"iteration": self.iteration, "loss": loss, "dice": dice})
        self.say(
            f"Fine-tuning, iteration {self.iteration} of {self.settings.n_iterations}: loss {loss:.4f}"
            + ("." if dice is None else f", Dice of the held-out crops {dice:.4f}.")
        )
        self._save()

    def dice_held_out(self) -> float | None:
        """Mean over organs, of the voxels of all held-out crops taken together; None where these show no organ."""
        self.network.eval()
        n_classes = self.made_from["seen"]["n_classes"]
        counts = torch.zeros(n_classes, 2, dtype=torch.long)
        for crops in self.held_out:
            predicted = label_crops(self.network, crops.images.to(self.device), self.axis).cpu()
            counts += organ_counts(predicted, crops.labels, n_classes)
        return mean_dice(counts)

    def finish(self) -> Path:
        """Put the best weights, or with no held-out crops the last ones, in their place, and remove what only `--c` needs."""
        final, best = self.folder / FINAL, self.folder / BEST
        write_json(
            {"made_from": self.made_from, "seconds": self.seconds, "history": self.history}, self.folder / HISTORY
        )
        if best.is_file():
            best.replace(final)
        else:
            save_fine_tuned(self.network, self.made_from, final)
        (self.folder / STATE).unlink(missing_ok=True)
        return final

    def _save(self) -> None:
        """What it takes to go on: plain values and tensors, so that a safe loader reads it."""
        own = {name: getattr(self, name) for name in (*_KEPT, "made_from")}
        weights, optimizer = self.network.state_dict(), self.optimizer.state_dict()
        with replacing(self.folder / STATE) as temporary:
            torch.save({"weights": weights, "optimizer": optimizer, **own}, temporary)

    def resume(self) -> None:
        """Go on from where it stopped, exactly where no worker processes draw the crops.

        Raises:
            ValueError: the training in the folder was made from something else; the message says what differs.
        """
        state = torch.load(self.folder / STATE, map_location=self.device, weights_only=True)
        differing = [key for key, value in self.made_from.items() if state["made_from"].get(key) != value]
        if differing:
            raise ValueError(
                f"the fine-tuning in {self.folder} has another {', '.join(differing)}; continue it as it was begun"
            )
        self.network.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        vars(self).update({name: state[name] for name in _KEPT})
