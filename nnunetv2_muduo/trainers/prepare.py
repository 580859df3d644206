"""`muduo prepare`: make what a training needs and does not have yet. Split over machines as nnU-Net does, by parts."""

import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.run.run_training import get_trainer_from_args
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

from nnunetv2_muduo.checkpoints import FINAL
from nnunetv2_muduo.claims import at_work
from nnunetv2_muduo.config import load_config
from nnunetv2_muduo.data.prompt_maps import make_prompt_maps
from nnunetv2_muduo.data.small_components import organs_in_few_components
from nnunetv2_muduo.data.unlabeled import preprocess_unlabeled
from nnunetv2_muduo.parallel import run_to_the_end
from nnunetv2_muduo.storage import require_writable
from nnunetv2_muduo.trainers import distributed
from nnunetv2_muduo.trainers.generator_training import train_generator
from nnunetv2_muduo.trainers.image_check import check_labeled_images
from nnunetv2_muduo.trainers.label_check import check_labeled_cases
from nnunetv2_muduo.trainers.requirements import Preparation, labeled_cases
from nnunetv2_muduo.trainers.schedule import follow_student, leaving_no_results, results_thrown_away

_SECONDS_BETWEEN_LOOKS = 10


@dataclass(frozen=True)
class Training:
    """Which training is being prepared, in the words of `nnUNetv2_train`."""

    dataset: str
    configuration: str
    fold: str
    plans: str
    trainer: str
    device: torch.device


def prepare(
    training: Training,
    n_processes: int,
    part_id: int = 0,
    num_parts: int = 1,
    predictor: nnUNetPredictor | None = None,
) -> None:
    """Preprocess unlabeled cases, train the prompt generator, make prompt maps; each only where missing or outdated.

    Args:
        training: the student's training; its trainer decides about the generator's schedule and the teachers' patch.
        n_processes: processes that preprocess.
        part_id, num_parts: this call's share of the unlabeled cases. Part 0 trains the generator.
        predictor: makes the prompt maps; None: nnU-Net's own, without mirroring.

    Raises:
        FileNotFoundError, RuntimeError, ValueError: bad or missing input; every message names the file and what to do.
            A few unlabeled cases that can't be used are left out and named; more than 5 % of them are an error.
    """
    student = recursive_find_trainer_class_by_name(training.trainer)
    if not getattr(student, "needs_unlabeled", False):
        raise ValueError(f"{training.trainer} needs no preparation: it learns from labeled cases alone.")
    preparation = _preparation(student, training)
    trainer = preparation.trainer
    _open_teachers(student, trainer)
    cases = dict(list(preparation.raw_files.items())[part_id::num_parts])
    trainer.do_split()  # refuses a fold that the split does not have, also where only the training needs its cases
    preparation.log_raw_files()
    missing = preparation.missing()
    _refuse_read_only(preparation, missing)
    check_labeled_cases(trainer)
    check_labeled_images(trainer, n_processes, part_id, num_parts)
    predictor = predictor or nnUNetPredictor(use_mirroring=False, device=training.device, allow_tqdm=False)
    # While it is at work `muduo prepare --clean` removes nothing; where all is there, nothing has to be writable.
    with at_work(preparation.unlabeled_folder) if missing else nullcontext():
        _preprocess(preparation, cases, n_processes)
        preparation.log_excluded()
        if student.prompt_generator is None:
            return
        train_generator(preparation, part_id)
        _make_maps(preparation, cases, predictor)
        preparation.log_excluded()


def prepare_on_first_rank(trainer) -> None:
    """Make what the training still needs: the first rank in a process of its own, the others wait.

    A process of its own, since it trains the prompt generator: no memory, random state or process group is shared.

    Raises:
        RuntimeError: the preparation failed; the message ends with the cause.
    """
    missing = trainer.preparation.missing()
    if distributed.rank() > 0:
        while trainer.preparation.missing():  # no barrier: training a generator outlasts every time-out
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return
    if not missing:
        trainer.print_to_log_file(
            "Unlabeled cases, prompt generator and prompt maps are there and belong to this training."
        )
        return
    trainer.print_to_log_file(f"Preparing first (`muduo prepare` does this beforehand): {missing[0]}.")
    arguments = ["-d", trainer.plans_manager.dataset_name, "-c", trainer.configuration_name, "-f", str(trainer.fold)]
    arguments += ["-p", trainer.plans_manager.plans_name, "-tr", type(trainer).__name__, "-device", trainer.device.type]
    failure = run_to_the_end([sys.executable, "-m", "nnunetv2_muduo.cli", "prepare", *arguments], "muduo prepare: ")
    if failure is not None:
        message = f"Preparation failed; what is done is kept, start again to go on. The cause:\n{failure}"
        trainer.print_to_log_file(message, also_print_to_console=False)
        raise RuntimeError(message)


def _preparation(student: type, training: Training) -> Preparation:
    """Of the generator's initialized trainer, as the student's needs it; of the student's own where it has no generator.

    The student's is initialized in either case: what it refuses is said in its name. Only what the plans, labels and config
    are tells where the generator's results belong, so its first lines are written there afterwards.
    """
    with results_thrown_away():
        if student.prompt_generator is None:
            trainer = _built(student.__name__, training)
        else:
            with leaving_no_results(), torch.random.fork_rng(devices=[]):  # building a network draws random numbers
                asked = _built(student.__name__, training)
                asked.initialize()
            trainer = _built(student.prompt_generator, training)
            follow_student(trainer, asked)
        trainer.initialize()
        preparation = Preparation(trainer, student.prompt_generator)
        has_generator = student.prompt_generator is not None
        if has_generator:
            preparation.identity  # noqa: B018  # worked out while there is a log that it can write to
        first_lines = Path(trainer.log_file).read_text(encoding="utf-8")
    _place(trainer, preparation.generator_folder if has_generator else preparation.stock_folder(student.__name__))
    with open(trainer.log_file, "a", encoding="utf-8") as log:
        log.write(first_lines)
    return preparation


def _place(trainer, folder: Path) -> None:
    """Let a trainer that was built elsewhere write its results and its log into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    trainer.output_folder, trainer.output_folder_base = str(folder), str(folder.parent)
    trainer.log_file = str(folder / Path(trainer.log_file).name)


def _built(name: str, training: Training):
    return get_trainer_from_args(
        training.dataset,
        training.configuration,
        training.fold if training.fold == "all" else int(training.fold),
        name,
        training.plans,
        continue_training=True,
        device=training.device,
    )


def _open_teachers(student: type, trainer) -> None:
    """Fetch, open and compare the student's teachers, though only the training asks them: before hours have gone into it."""
    if not student.needs_teachers:
        return
    from nnunetv2_muduo.teachers.ensemble import inspect_teachers, require_patch

    for modality, teacher in inspect_teachers(load_config(student.config_overrides, student.config_class)).items():
        require_patch(trainer.patch_size[0], teacher.image_size)
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


def _preprocess(preparation: Preparation, cases: dict[str, list[str] | None], n_processes: int) -> None:
    outdated = {case: reason for case, reason in preparation.outdated_cases().items() if case in cases}
    generator = preparation.trainer
    _report(generator, "Unlabeled cases", len(cases), outdated)
    if outdated and None in cases.values():
        raise FileNotFoundError(
            f"{len(outdated)} unlabeled case(s) have to be preprocessed again ({next(iter(outdated.values()))}), but the raw "
            f"data set {generator.plans_manager.dataset_name} is not in nnUNet_raw. Put it there."
        )
    if outdated:
        preprocess_unlabeled(
            {case: cases[case] for case in outdated},
            preparation.unlabeled_folder,
            generator.plans_manager,
            generator.configuration_name,
            generator.dataset_json,
            n_processes,
            preparation.orientation,
        )


def _make_maps(preparation: Preparation, cases: dict[str, list[str] | None], predictor: nnUNetPredictor) -> None:
    outdated = {case: reason for case, reason in preparation.outdated_maps().items() if case in cases}
    _report(preparation.trainer, "Prompt maps", len(cases), outdated)
    if not outdated:
        return
    folder = preparation.generator_folder
    predictor.initialize_from_trained_model_folder(str(folder.parent), (preparation.trainer.fold,), FINAL)
    make_prompt_maps(
        list(outdated),
        preparation.prompt_map_folder,
        preparation.unlabeled_folder,
        preparation.made_by,
        predictor,
        _organs_in_few_components(preparation),
    )


def _organs_in_few_components(preparation: Preparation) -> list[int]:
    """Organs whose small components are left out of prompt maps, by the fold's labeled cases."""
    organs, labeled = preparation.trainer.label_manager.foreground_labels, labeled_cases(preparation.trainer)
    few = organs_in_few_components((labeled.load_case(case)[1][0] for case in labeled.identifiers), organs)
    many = [str(organ) for organ in organs if organ not in few]
    if many:
        preparation.trainer.print_to_log_file(
            f"Prompt maps keep the small components of label {', '.join(many)}: the labeled cases have parts of any size."
        )
    return few


def _report(trainer, what: str, n: int, outdated: dict[str, str]) -> None:
    reasons = ", ".join(dict.fromkeys(outdated.values()))
    trainer.print_to_log_file(
        f"{what}: {n - len(outdated)} of {n} there" + (f"; to make: {reasons}." if outdated else ".")
    )
