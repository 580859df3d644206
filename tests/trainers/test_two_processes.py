"""Two processes that share a batch have the gradients of one process with all of it."""

import os

import numpy as np
import pytest
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
from support import NEEDS_TRANSFORMERS, make_trainer, write_config
from torch import distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

N_UNLABELED = 3  # does not divide by two
FILTERED = {
    "kept_pairs": "best_half_of_memory",
    "score_memory": 3,
    "pair_score": "product",
    "organ_weights": "by_lead",
    "average_share": 0.4,
    "pseudo_label": "soft",
}
EVERY_PAIR = {"unlabeled_batch_size": N_UNLABELED, "patch_size": 24, "teacher_dropout": 0.0, "least_agreement": 0.0}
METHODS = ["MuDuo", "MeanTeacher", "UAMeanTeacher", "CPS", "SASSNet", "SemiSAMPlus", "SelfTraining"]
CFR, OF_CFR = "nnUNetTrainerCFR", {"sam": "tiny", "sam_iterations": 1}


def one_step(trainer, labeled: dict, unlabeled: dict) -> dict[str, torch.Tensor]:
    """Gradients of both halves of a step; zeros where nnU-Net gives the coarsest output no weight."""
    for optimizer in trainer.optimizers():
        optimizer.zero_grad(set_to_none=False)
    with trainer._gradients_stay_local(True):
        trainer.learn_from_labels(labeled)
    outcome = trainer.learn_from_unlabeled(unlabeled, weight=0.5)
    if hasattr(trainer, "pair_filter") and not dist.is_initialized():
        assert outcome["consistency_loss"] != 0  # no pair kept: nothing to compare
    return {
        f"{number} {name.removeprefix('module.')}": torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for number, network in enumerate(trainer.networks())
        for name, p in network.named_parameters()
    }


def gradients_of_judge(trainer) -> torch.Tensor | None:
    """Gradients of SASSNet's discriminator for the maps of the last step, all in one."""
    if not hasattr(trainer, "discriminator"):
        return None
    trainer.on_student_updated()
    return torch.cat([p.grad.ravel() for p in trainer.discriminator.parameters()])


def rows(batch: dict, part: slice) -> dict:
    target = batch["target"]
    return {
        "data": batch["data"][part].double(),
        "target": [t[part] for t in target] if isinstance(target, list) else target[part],
    }


class TeachersOfThePromptMap:
    """Teachers whose answers are the same to the last bit in every batch: a rounded voxel would turn a hard label over."""

    def predict(self, images, prompt_map, student_probs, pairs, chunk=None):
        masks = [prompt_map[sample, 0] == organ + 1 for sample, organ in zip(pairs.samples, pairs.organs, strict=True)]
        pooled = [F.adaptive_avg_pool3d(mask.float()[None, None], 8) for mask in masks] or [torch.zeros(0, 1, 8, 8, 8)]
        return {"ct": 8 * torch.cat(pooled) - 4, "pet": 6 * torch.cat(pooled) - 1}


class EncoderOfNothing:
    """A generalist whose answers are given elsewhere."""

    def encode(self, modality, image):
        return torch.zeros(len(image), 1)


def ready_trainer(root, name):
    torch.manual_seed(0)
    trainer = make_trainer(name)
    trainer.initialize()
    if name == "nnUNetTrainerSemiSAMPlus":
        trainer.ensemble = EncoderOfNothing()
        trainer.ask = lambda _embedding, probs, organs: (
            probs[: len(organs)] > 2,
            0.1 * torch.ones_like(probs[: len(organs)]),
        )
    if hasattr(trainer, "mean_teacher"):
        trainer.mean_teacher.double()
        trainer._noise = torch.zeros_like  # each process has noise of its own
    if name == "nnUNetTrainerMuDuo":
        trainer.ensemble = TeachersOfThePromptMap()
        trainer._draw_alpha = lambda pairs: torch.full((len(pairs),), 0.3)
    trainer.network.load_state_dict(torch.load(root / "weights.pth"))
    if name == CFR:
        trainer.sam_labels = lambda view: (view[:, :1] > 0.5).to(torch.int16) + (view[:, :1] > 1)
    if name == "nnUNetTrainerSASSNet":
        trainer.discriminator.register_forward_pre_hook(lambda _judge, inputs: tuple(x.float() for x in inputs))
        trainer.discriminator_optimizer.step = lambda: None  # its gradients are compared, as the student's are
        for dropout in (m for m in trainer.discriminator.modules() if isinstance(m, nn.Dropout3d)):
            dropout.p = 0.0  # each process draws its own
    for network in trainer.networks():
        network.double()  # in float32 the order of summation alone moves gradients by up to 1e-4
    return trainer


def run_rank(rank: int, root, port: int, name: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    trainer = ready_trainer(root, name)  # before the group exists: nnU-Net's DDP is for CUDA alone
    dist.init_process_group("gloo", rank=rank, world_size=2)
    trainer.is_ddp, trainer.local_rank = True, rank
    trainer._set_batch_size_and_oversample()  # nnU-Net's: the first patch lies anywhere, the second around an organ
    wrap_all(trainer)
    batches = torch.load(root / "batches.pth")
    shares = {"labeled": [slice(0, 1), slice(1, 2)], "unlabeled": [slice(0, 2), slice(2, 3)]}
    for step, (labeled, unlabeled) in enumerate(batches):  # more than one: DDP finds missing gradients at the next step
        own = rows(labeled, shares["labeled"][rank]), rows(unlabeled, shares["unlabeled"][rank])
        gradients = one_step(trainer, *own)
        if rank == 0:
            torch.save(gradients, root / f"gradients_{step}.pth")
        judged = gradients_of_judge(trainer)
        if rank == 0:
            torch.save(judged, root / f"judge_{step}.pth")
        if hasattr(trainer, "pair_filter"):
            torch.save(trainer.pair_filter.state(), root / f"filter_{rank}.pth")
    lose_a_step(trainer, own[0], rank, root)
    dist.destroy_process_group()


def wrap_all(trainer) -> None:
    trainer.network = DistributedDataParallel(trainer.network)
    if hasattr(trainer, "peer"):
        trainer.peer["network"] = DistributedDataParallel(trainer.peer["network"])
    if hasattr(trainer, "shape_head"):
        trainer.shape_head = DistributedDataParallel(trainer.shape_head)
        trainer.discriminator = DistributedDataParallel(trainer.discriminator)


def lose_a_step(trainer, labeled: dict, rank: int, root) -> None:
    """A step in which the second rank's loss is not finite."""
    before = [p.clone() for p in trainer.network.parameters()]
    trainer.optimizer.zero_grad()
    trainer.update_student(trainer.learn_from_labels({**labeled, "data": labeled["data"] / (1 - rank)}))
    kept = all(torch.equal(p, b) for p, b in zip(trainer.network.parameters(), before, strict=True))
    torch.save({"kept": kept, "skipped": trainer.n_skipped_in_a_row}, root / f"lost_{rank}.pth")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "config"),
    [
        *((f"nnUNetTrainer{method}", {}) for method in METHODS),
        ("nnUNetTrainerMuDuo", FILTERED),
        pytest.param(CFR, OF_CFR, marks=NEEDS_TRANSFORMERS),
        pytest.param(CFR, {**OF_CFR, "semi_supervised_method": "cps"}, marks=NEEDS_TRANSFORMERS),
    ],
)
def test_gradients_equal_those_of_one_process(prepared_dataset, tmp_path, monkeypatch, name, config):
    write_config(monkeypatch, tmp_path, **EVERY_PAIR, **config)
    torch.manual_seed(0)
    trainer = make_trainer(name)
    trainer.on_train_start()
    torch.save(trainer.network.state_dict(), tmp_path / "weights.pth")
    everything = slice(None)
    loaders = (trainer.dataloader_train, trainer.dataloader_unlabeled)
    batches = [tuple(rows(next(loader), everything) for loader in loaders) for _ in range(2)]
    batches[1][1]["target"][2] = 0  # the second rank has no valid pair in the second step
    torch.save(batches, tmp_path / "batches.pth")
    alone = ready_trainer(tmp_path, name)
    expected, judged = zip(*((one_step(alone, *batch), gradients_of_judge(alone)) for batch in batches), strict=True)
    mp.spawn(run_rank, (tmp_path, 29_000 + os.getpid() % 1000, name), nprocs=2)
    for step, gradients in enumerate(expected):
        shared = torch.load(tmp_path / f"gradients_{step}.pth")
        difference = torch.cat([(shared[name] - g).ravel() for name, g in gradients.items()]).norm()
        total = torch.cat([g.ravel() for g in gradients.values()]).norm()
        assert float(difference / total) < 1e-6, f"step {step}: {difference / total:.1e}"
        assert np.isfinite(float(total))
        if judged[step] is not None:
            torch.testing.assert_close(torch.load(tmp_path / f"judge_{step}.pth"), judged[step], rtol=1e-4, atol=1e-6)
    for rank in range(2) if config is FILTERED else ():
        for part, kept in torch.load(tmp_path / f"filter_{rank}.pth").items():
            torch.testing.assert_close(kept, alone.pair_filter.state()[part], equal_nan=True)
            assert not kept.isnan().all()
    for rank in range(2):  # also the rank whose own loss was finite
        assert torch.load(tmp_path / f"lost_{rank}.pth") == {"kept": True, "skipped": 1}
