"""`muduo prepare`: make what a training needs and does not have yet. Split over machines as nnU-Net does, by parts."""

import sys
from contextlib import nullcontext

from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

from nnunetv2_muduo.claims import at_work
from nnunetv2_muduo.config import load_config
from nnunetv2_muduo.parallel import run_to_the_end
from nnunetv2_muduo.storage import require_writable
from nnunetv2_muduo.trainer_classes import trainer_class
from nnunetv2_muduo.trainers import distributed
from nnunetv2_muduo.trainers.generator_training import train_generator
from nnunetv2_muduo.trainers.image_check import check_labeled_images
from nnunetv2_muduo.trainers.label_check import check_labeled_cases
from nnunetv2_muduo.trainers.preparations import Training, preparations_of
from nnunetv2_muduo.trainers.prepared_cases import make_maps, preprocess
from nnunetv2_muduo.trainers.requirements import Preparation

_PREPARED = "muduo/prepared"


def prepare(
    training: Training,
    n_processes: int,
    part_id: int = 0,
    num_parts: int = 1,
    predictor: nnUNetPredictor | None = None,
) -> None:
    """Preprocess unlabeled cases, train generators, make maps, or what else a method needs; where missing or outdated.

    Args:
        training: the student's training; its trainer decides about the generators' schedule and the teachers' patch.
        n_processes: processes that preprocess.
        part_id, num_parts: this call's share of the unlabeled cases. Part 0 alone makes generators and what else is needed.
        predictor: makes the prompt maps; None: nnU-Net's own, without mirroring.

    Raises:
        FileNotFoundError, RuntimeError, ValueError: bad or missing input; every message names the file and what to do.
            A few unlabeled cases that can't be used are left out and named; more than 5 % of them are an error.
    """
    student = trainer_class(training.trainer)
    if not getattr(student, "needs_unlabeled", False):
        raise ValueError(f"{training.trainer} needs no preparation: it learns from labeled cases alone.")
    preparations = preparations_of(student, training)
    first, last = preparations[0], preparations[-1]
    _open_teachers(student, first.trainer)
    cases = dict(list(first.raw_files.items())[part_id::num_parts])
    first.trainer.do_split()  # refuses a fold that the split does not have, also where only the training needs its cases
    first.log_raw_files()
    missing = last.missing()
    _refuse_read_only(last, missing)
    check_labeled_cases(first.trainer)
    check_labeled_images(first.trainer, n_processes, part_id, num_parts)
    predictor = predictor or nnUNetPredictor(use_mirroring=False, device=training.device, allow_tqdm=False)
    # While it is at work `muduo prepare --clean` removes nothing; where all is there, nothing has to be writable.
    with at_work(last.unlabeled_folder) if missing else nullcontext():
        preprocess(first, cases, n_processes)
        if part_id == 0 and not last.generator_trainer:
            first.trainer.make_its_own()
        for each in preparations if last.generator_trainer else ():
            train_generator(each, part_id)
            make_maps(each, cases, predictor)
            each.log_excluded()


def prepare_on_first_rank(trainer) -> None:
    """Make what the training still needs: the first rank in a process of its own, the others wait.

    A process of its own, since it trains generators: no memory, random state or process group is shared.

    Raises:
        RuntimeError: the preparation failed; the message ends with the cause.
    """
    if distributed.rank() > 0:
        distributed.wait_for_first_rank(_PREPARED)  # no barrier: training a generator outlasts every time-out
        return
    missing = trainer.preparation.missing()
    if missing:
        _prepare_in_a_process(trainer, missing[0])
    else:
        trainer.print_to_log_file("Everything that is prepared for it is there and belongs to this training.")
    distributed.tell_other_ranks(_PREPARED)


def _prepare_in_a_process(trainer, missing: str) -> None:
    trainer.print_to_log_file(f"Preparing first (`muduo prepare` does this beforehand): {missing}.")
    arguments = ["-d", trainer.plans_manager.dataset_name, "-c", trainer.configuration_name, "-f", str(trainer.fold)]
    arguments += ["-p", trainer.plans_manager.plans_name, "-tr", type(trainer).__name__, "-device", trainer.device.type]
    failure = run_to_the_end([sys.executable, "-m", "nnunetv2_muduo.cli", "prepare", *arguments], "muduo prepare: ")
    if failure is not None:
        message = f"Preparation failed; what is done is kept, start again to go on. The cause:\n{failure}"
        trainer.print_to_log_file(message, also_print_to_console=False)
        raise RuntimeError(message)


def _open_teachers(student: type, trainer) -> None:
    """Fetch, open and compare the student's teachers, though only the training asks them: before hours have gone into it."""
    if not student.needs_teachers:
        return
    from nnunetv2_muduo.teachers.ensemble import inspect_teachers, require_patch_that_teachers_see

    config = load_config(student.config_overrides, student.config_class)
    for modality, teacher in inspect_teachers(config).items():
        require_patch_that_teachers_see(config, trainer.patch_size, teacher.image_size)
        trainer.print_to_log_file(f"{modality.upper()} teacher: {teacher.path} (sha256 {teacher.sha256})")


def _refuse_read_only(preparation: Preparation, missing: list[str]) -> None:
    """Refuse to make what could not be kept, before hours have gone into it."""
    if not missing:
        return
    try:
        require_writable(preparation.unlabeled_folder)
    except OSError as error:
        raise RuntimeError(
            f"{missing[0]}, but {error.filename} can't be written ({error.strerror}). Prepare where it can be, with "
            f"`muduo prepare`, or let nnUNet_preprocessed name a copy."
        ) from error
