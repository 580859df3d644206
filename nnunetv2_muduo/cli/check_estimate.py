"""What a training will cost, for `muduo check`: its plan is fitted to the teachers' patch as the training does it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_muduo.check import estimates
from nnunetv2_muduo.check.findings import Finding
from nnunetv2_muduo.check.training import Asked
from nnunetv2_muduo.config import TrainingConfig, load_config
from nnunetv2_muduo.imageio.modalities import channel_names
from nnunetv2_muduo.nnunet_schedule import NNUNET_SCHEDULE
from nnunetv2_muduo.trainer_classes import trainer_class
from nnunetv2_muduo.trainers.plans import fit_plans, wanted_patch
from nnunetv2_muduo.trainers.semi_supervised import StepCosts
from nnunetv2_muduo.user_files import expecting_fields, read_description, read_plans

if TYPE_CHECKING:
    from nnunetv2_muduo.check.sam_estimates import SamCount

PER_HOUR = estimates.ASSUMED_TFLOPS * 3600
"""10^12 operations of an hour."""


def estimate_of(raw: Path, preprocessed: Path, asked: Asked, trainer: type) -> Finding:
    """Estimate of a training by one of our trainers, whose data set is planned.

    Raises:
        FileNotFoundError, ValueError: plans, dataset.json, config or teachers can't be read; other findings say so too.
    """
    config = load_config(trainer.config_overrides, trainer.config_class)
    plans, dataset_json = read_plans(preprocessed / f"{asked.plans}.json"), read_description(raw / "dataset.json")
    n_labels = len(dataset_json["labels"])
    with expecting_fields(preprocessed / f"{asked.plans}.json"):
        settings = _settings(plans, asked.configuration, config, trainer)
        count = estimates.count_batch(settings, len(channel_names(dataset_json)), n_labels)
    sam = _sam(config, trainer, settings, n_labels)
    costs = trainer.step_costs(config) if trainer.needs_unlabeled else StepCosts()
    frozen = (_teachers(config) if trainer.needs_teachers else []) + ([sam.frozen] if sam else [])
    if costs.further_passes:
        passes_flops = costs.further_passes * count.forward_flops / settings["batch_size"]
        frozen.append((count.n_weights, passes_flops))
    gib = estimates.memory_gib(count.times(costs.n_networks), config.optimizer, sum(n for n, _ in frozen))
    hours = _hours(config, trainer, count, costs.n_networks, settings["batch_size"], frozen)
    if sam and sam.n_iterations:
        gib = max(gib, estimates.memory_gib(sam.canvases, "adamw", sam.n_frozen))
        hours["fine-tuning of the SAM"] = sam.fine_tuning_tflops / PER_HOUR
    return estimates.estimate_finding(gib, hours)


def _settings(plans: dict[str, Any], configuration: str, config: TrainingConfig, trainer: type) -> dict[str, Any]:
    patch_size = wanted_patch(plans, configuration, config, trainer.on_teachers_patch)
    if patch_size is not None:
        plans = fit_plans(plans, configuration, patch_size)
    return PlansManager(plans).get_configuration(configuration).configuration


def _hours(
    config: TrainingConfig,
    trainer: type,
    count: estimates.Count,
    n_networks: int,
    batch_size: int,
    frozen: list[tuple[int, float]],
) -> dict[str, float]:
    """Hours of the student, with what frozen networks say of its patches, and of the generators that a method has."""
    n_epochs = config.num_epochs or trainer.default_num_epochs
    n_iterations = config.num_iterations_per_epoch or NNUNET_SCHEDULE["num_iterations_per_epoch"]
    student = n_networks * estimates.training_tflops(count, 2 if trainer.needs_unlabeled else 1, n_epochs, n_iterations)
    student += n_epochs * n_iterations * batch_size * sum(flops for _, flops in frozen) / 1e12
    hours = {"student": student / PER_HOUR}
    for generator in map(trainer_class, _generators(trainer, config)):
        epochs = getattr(config, "prompt_generator_num_epochs", None) or n_epochs
        n_halves = 2 if generator.needs_unlabeled else 1
        hours[generator.trains] = estimates.training_tflops(count, n_halves, epochs, n_iterations) / PER_HOUR
    return hours


def _generators(trainer: type, config: TrainingConfig) -> tuple[str, ...]:
    return trainer.generators(config) if trainer.needs_unlabeled else ()


def _sam(config, trainer: type, settings: dict[str, Any], n_labels: int) -> "SamCount | None":
    if not getattr(trainer, "needs_fine_tuned_sam", False):
        return None
    from nnunetv2_muduo.check.sam_estimates import count_sam

    return count_sam(config, settings, n_labels)


def _teachers(config) -> list[tuple[int, float]]:
    """Number of weights, and operations of encoding one patch, of each teacher."""
    from nnunetv2_muduo.teachers.ensemble import teacher_source
    from nnunetv2_muduo.teachers.weights import teacher_architecture

    found = []
    for modality in config.modalities:
        n_weights, sizes = teacher_architecture(teacher_source(config, modality))
        found.append((n_weights, estimates.teacher_flops(n_weights, sizes.image_size, sizes.patch_size)))
    return found
