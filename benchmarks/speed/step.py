"""Cost of a MuDuo training step over one of plain nnU-Net, which sees the same labeled patches.

    python -m benchmarks.speed.step --device cpu --json OUT.json

nnU-Net's default network for AutoPET's whole-body images (PlainConvUNet, 6 stages of 32 to 320 features), patches of 128^3,
2 labeled and, for MuDuo, 2 unlabeled ones with 12 organs each; teachers of the public size. The trainers are the real ones;
batches are phantom patches that lie ready. Each trainer has a process of its own, so that its peak memory can be told
(on the CPU the resident set, teachers' weights included), and the two take turns. On a CPU this takes a quarter of an hour.
"""

import multiprocessing
import os
import resource
import statistics
import tempfile
from itertools import repeat
from multiprocessing.connection import Connection
from pathlib import Path

import torch
import yaml
from tqdm import tqdm

from benchmarks.speed import measure
from benchmarks.speed.nnunet_plans import DATASET_JSON, plans
from benchmarks.speed.phantom_patches import phantom_patches, teacher_files

N_REPEATS = 2
KINDS = ("plain", "muduo")
STAGE = ("predict", "judge", "consistency_with_teachers", "valid_pairs")
"""What belongs to the teachers in a step; the loss against their pseudo labels is counted with them."""


def main() -> None:
    args = measure.parse_arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        config = {**teacher_files(Path(folder)), "ramp_up_epochs": 1}
        (Path(folder) / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        trainers = {kind: TrainerProcess(kind, Path(folder), args) for kind in KINDS}
        rounds = tqdm(range(1 + N_REPEATS), desc="Steps of both trainers, the first to warm up")
        steps = [{kind: trainers[kind].step() for kind in KINDS} for _ in rounds][1:]
        peaks_gb = {kind: trainers[kind].stop() for kind in KINDS}
    times = {kind: [step[kind]["step_s"] for step in steps] for kind in KINDS}
    stages_s = [step["muduo"]["stage_s"] for step in steps]
    figures = {
        "machine": measure.machine(args.device),
        "teacher_share": measure.median_ratio(stages_s, times["muduo"]),
        "step_ratio_to_plain": measure.median_ratio(times["muduo"], times["plain"]),
        "memory_ratio_to_plain": peaks_gb["muduo"] / peaks_gb["plain"],
        "step_s": times,
        "stage_s": stages_s,
        "peak_gb": peaks_gb,
    }
    measure.report(args, figures, rows_of(figures))


def rows_of(figures: dict) -> list[tuple[str, str]]:
    """The table."""
    plain_s, muduo_s = (statistics.median(figures["step_s"][kind]) for kind in KINDS)
    stage_s = statistics.median(figures["stage_s"])
    return [
        ("step of plain nnU-Net, 2 patches", f"{plain_s:.1f} s, {figures['peak_gb']['plain']:.2f} GB"),
        ("step of MuDuo, 2 + 2 patches", f"{muduo_s:.1f} s, {figures['peak_gb']['muduo']:.2f} GB"),
        ("step over plain", f"{figures['step_ratio_to_plain']:.2f} times"),
        ("peak memory over plain", f"{figures['memory_ratio_to_plain']:.2f} times"),
        ("teachers' share of the step", f"{figures['teacher_share']:.1%} ({stage_s:.2f} s)"),
    ]


class TrainerProcess:
    """One trainer in a process of its own, which makes a step when it is told to."""

    def __init__(self, kind: str, folder: Path, args):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        arguments = (kind, folder, args.device, args.threads, theirs)
        context.Process(target=serve, args=arguments, daemon=True).start()

    def step(self) -> dict[str, float]:
        """Seconds of a whole step, and of the teacher stage in it."""
        self.connection.send("step")
        return self.connection.recv()

    def stop(self) -> float:
        """End the process; returns the most memory that it took, in GB."""
        self.connection.send("peak")
        peak_gb = self.connection.recv()
        self.connection.send("stop")
        return peak_gb


def serve(kind: str, folder: Path, device: torch.device, n_threads: int, connection: Connection) -> None:
    """Answer what `TrainerProcess` asks, until it says to stop."""
    torch.set_num_threads(n_threads)
    trainer = make_trainer(kind, folder, device)
    batch = labeled_batch(trainer)
    stage_times = time_stage(trainer, device) if kind == "muduo" else []
    while (order := connection.recv()) != "stop":
        if order == "peak":
            connection.send(_peak_gb(device))
            continue
        stage_times.clear()
        step_s, _ = measure.seconds(lambda: trainer.train_step(batch), device)
        connection.send({"step_s": step_s, "stage_s": sum(stage_times)})


def make_trainer(kind: str, folder: Path, device: torch.device):
    """nnU-Net's trainer or MuDuo's, with its network and, for MuDuo, teachers and an unlabeled batch."""
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        os.environ[variable] = str(folder)
    os.environ["nnUNet_muduo_config"] = str(folder / "config.yaml")
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    from nnunetv2_muduo.trainers.muduo import nnUNetTrainerMuDuo

    torch.manual_seed(0)
    preprocessed = folder / "Dataset001_Phantom" / "nnUNetPlans_3d_fullres"
    preprocessed.mkdir(parents=True, exist_ok=True)
    (preprocessed / "case.b2nd").touch()  # tells nnU-Net the kind of its files
    trainer_class = nnUNetTrainer if kind == "plain" else nnUNetTrainerMuDuo
    trainer = trainer_class({**plans(), "continue_training": False}, "3d_fullres", 0, DATASET_JSON, device)
    trainer.initialize()
    trainer.network.train()
    if kind == "muduo":
        trainer._load_teachers()
        trainer.dataloader_unlabeled = repeat(unlabeled_batch())
    return trainer


def labeled_batch(trainer) -> dict:
    """A batch as nnU-Net's loader gives it, with a target for each scale of the deep supervision."""
    patches = phantom_patches(2)
    data = torch.cat([patches.ct_hu / 400, patches.pet_suv], dim=1)
    scales = trainer._get_deep_supervision_scales()
    strides = [[round(1 / share) for share in scale] for scale in scales]
    return {"data": data, "target": [patches.organ_map[:, :, ::a, ::b, ::c].contiguous() for a, b, c in strides]}


def unlabeled_batch() -> dict:
    """A batch as the unlabeled loader gives it: both views, and the prompt map as the target."""
    patches = phantom_patches(2)
    views = [patches.ct_hu / 400, patches.pet_suv, patches.ct_hu, patches.pet_suv]
    return {"data": torch.cat(views, dim=1), "target": patches.organ_map, "damaged": {}}


def time_stage(trainer, device: torch.device) -> list[float]:
    """A list that takes the times of all that the teachers do in a step."""
    from nnunetv2_muduo.trainers import muduo

    times = []

    def timed(function):
        def run(*arguments):
            time_s, result = measure.seconds(lambda: function(*arguments), device)
            times.append(time_s)
            return result

        return run

    for name, owner in zip(STAGE, (trainer.ensemble, trainer, muduo, muduo), strict=True):
        setattr(owner, name, timed(getattr(owner, name)))
    return times


def _peak_gb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()
