"""Check that what nnU-Net has preprocessed is what the raw data set holds: training reads the former alone."""

from pathlib import Path

from nnunetv2_muduo.check.findings import Finding, finding, first
from nnunetv2_muduo.check.raw_dataset import RawDataset
from nnunetv2_muduo.storage import file_digest
from nnunetv2_muduo.user_files import read_description

READ_BY_TRAINING = ("channel_names", "labels", "file_ending")
"""Fields of dataset.json that decide about a training."""
_AGAIN = "run nnUNetv2_plan_and_preprocess again"


def check_preprocessed(dataset: RawDataset) -> Finding:
    """A change in the raw data set has no effect until it is preprocessed again."""
    copy = dataset.preprocessed / "dataset.json" if dataset.preprocessed else None
    if copy is None or not copy.is_file():
        return finding("preprocessed", "not there yet")
    stored = read_description(copy)
    changed = [field for field in READ_BY_TRAINING if stored.get(field) != dataset.json.get(field)]
    if changed:
        where = f"{' and '.join(changed)} of {dataset.folder / 'dataset.json'} are others than in {copy}, which training reads"
        return finding("preprocessed", "", problem=f"{where}: {_AGAIN}")
    labels = _changed_labels(dataset)
    problem = f"{len(labels)} label maps are others than when they were preprocessed: {first(labels)}; {_AGAIN}"
    return finding("preprocessed", "dataset.json and label maps as they were", problem=problem if labels else "")


def _changed_labels(dataset: RawDataset) -> list[str]:
    """Cases whose label map is another than the copy that nnU-Net keeps for validation."""
    copies = dataset.preprocessed / "gt_segmentations"
    pairs = {case: dataset.label_file("labeled", case) for case in dataset.images["labeled"]}
    return [
        case for case, label in pairs.items() if label.is_file() and _differ(label, copies / f"{case}{dataset.ending}")
    ]


def _differ(label: Path, copy: Path) -> bool:
    return copy.is_file() and (label.stat().st_size != copy.stat().st_size or file_digest(label) != file_digest(copy))
