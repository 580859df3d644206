"""Checks of the labeled cases that nnU-Net makes only when asked to (`--verify_dataset_integrity`)."""

import numpy as np
from batchgenerators.utilities.file_and_folder_operations import isfile, join

from nnunetv2_muduo.data.worker_status import TrackedDataset


def check_labeled_cases(trainer) -> None:
    """Refuse label maps with values that dataset.json does not have: they would train as something else, or crash later.

    Args:
        trainer: an initialized nnU-Net trainer.

    Raises:
        ValueError: every such case with the values found.
        DamagedCase: a case can't be read.
    """
    known = {-1, 0, *trainer.label_manager.all_labels, trainer.label_manager.ignore_label}
    dataset = TrackedDataset(trainer.dataset_class(trainer.preprocessed_dataset_folder, None), trainer.worker_status)
    foreign = {}
    for case in dataset.identifiers:
        values = set(np.unique(dataset.load_case(case)[1][:]).tolist()) - known
        if values:
            foreign[case] = sorted(values)
    if foreign:
        lines = "\n".join(f"  {_label_file(trainer, case)}: {values}" for case, values in foreign.items())
        raise ValueError(
            f"Label values that are not in dataset.json ({trainer.dataset_json['labels']}):\n{lines}\n"
            f"Correct the label maps or add the labels, then run nnUNetv2_plan_and_preprocess again."
        )


def _label_file(trainer, case: str) -> str:
    file = join(
        trainer.preprocessed_dataset_folder_base, "gt_segmentations", case + trainer.dataset_json["file_ending"]
    )
    return file if isfile(file) else case
