"""Prepared unlabeled cases: those that are missing or outdated are preprocessed, and labeled by a generator."""

from copy import copy

from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

from nnunetv2_muduo.checkpoints import FINAL
from nnunetv2_muduo.claims import CaseClaims
from nnunetv2_muduo.data.prompt_map_writing import make_prompt_maps
from nnunetv2_muduo.data.small_components import organs_in_few_components
from nnunetv2_muduo.data.unlabeled import preprocess_unlabeled
from nnunetv2_muduo.trainers.requirements import Preparation, labeled_cases


def preprocess(preparation: Preparation, cases: dict[str, list[str] | None], n_processes: int) -> None:
    """Preprocess what is missing or outdated of some cases, and say which of all cases are left out.

    Args:
        cases: their raw files, None where these are elsewhere.

    Raises:
        FileNotFoundError: a case has to be preprocessed whose raw files are elsewhere.
    """
    claims = CaseClaims.begin(preparation.unlabeled_folder, list(cases))
    outdated = {case: reason for case, reason in preparation.outdated_cases().items() if case in cases}
    trainer = preparation.trainer
    _report(trainer, "Unlabeled cases", len(cases), outdated)
    if outdated and None in cases.values():
        raise FileNotFoundError(
            f"{len(outdated)} unlabeled case(s) have to be preprocessed again ({next(iter(outdated.values()))}), but the raw "
            f"data set {trainer.plans_manager.dataset_name} is not in nnUNet_raw. Put it there."
        )
    if outdated:
        preprocess_unlabeled(
            claims,
            {case: cases[case] for case in outdated},
            trainer.plans_manager,
            trainer.configuration_name,
            trainer.dataset_json,
            n_processes,
            preparation.orientation,
        )
    preparation.log_excluded()


def make_maps(preparation: Preparation, cases: dict[str, list[str] | None], predictor: nnUNetPredictor) -> None:
    """Make what is missing or outdated of some cases' prompt maps; the generator is there."""
    claims = CaseClaims.begin(preparation.prompt_map_folder, list(cases))
    outdated = {case: reason for case, reason in preparation.outdated_maps().items() if case in cases}
    _report(preparation.trainer, "Prompt maps", len(cases), outdated)
    if outdated:
        make_prompt_maps(
            claims,
            list(outdated),
            preparation.unlabeled_folder,
            preparation.made_by,
            _predictors(preparation, predictor),
            _organs_in_few_components(preparation),
        )


def _predictors(preparation: Preparation, predictor: nnUNetPredictor) -> list[nnUNetPredictor]:
    """A predictor for each moment of the generator's training that is asked, the final one first."""
    moments = (FINAL, preparation.generator_class.earlier_checkpoint)
    predictors = [copy(predictor) for moment in moments if moment]
    for each, moment in zip(predictors, moments, strict=False):
        each.initialize_from_trained_model_folder(
            str(preparation.generator_folder.parent), (preparation.trainer.fold,), moment
        )
    return predictors


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
