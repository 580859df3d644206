"""Check the raw files of the labeled cases, as those of unlabeled ones are checked when they are read.

Images must be in HU and SUV, and no header may say two places for an image or a label map.
"""

from contextlib import suppress
from pathlib import Path

from nnunetv2.imageio.base_reader_writer import BaseReaderWriter
from nnunetv2.paths import nnUNet_raw

from nnunetv2_muduo import storage
from nnunetv2_muduo.conversion.raw_values import cases_in_bqml
from nnunetv2_muduo.data.raw_images import find_labeled, grid_reader, read_labeled_ranges
from nnunetv2_muduo.imageio.modalities import channel_names
from nnunetv2_muduo.parallel import listed, run_all

CHECKED_FILE = "muduo_checked_images.json"
"""In the preprocessed data set: stamps of the images that were found right, by case."""


def check_labeled_images(trainer, n_processes: int, part_id: int = 0, num_parts: int = 1) -> None:
    """Refuse labeled cases whose raw files are wrong; nothing is checked where the raw data are elsewhere.

    Unchanged files that were found right before are not read again. Cases that the conversion left in Bq/ml are named.

    Args:
        trainer: an initialized nnU-Net trainer.
        part_id, num_parts: this call's share of the cases.

    Raises:
        ValueError: every such case with the reason.
    """
    raw = Path(nnUNet_raw.get() or "") / trainer.plans_manager.dataset_name
    files = _raw_files(trainer, raw)
    wrong = _check_changed(dict(list(files.items())[part_id::num_parts]), trainer, n_processes)
    if in_bqml := cases_in_bqml(raw):
        trainer.print_to_log_file(
            f"Warning: PET in Bq/ml, not SUV, by the conversion's record: {', '.join(sorted(in_bqml))}."
        )
    if wrong:
        raise ValueError(f"Labeled cases that can't be trained with. Correct or remove them:\n{listed(wrong)}")


def _raw_files(trainer, raw: Path) -> dict[str, list[Path]]:
    """Raw images, then the label map, by labeled case; cases of which one is elsewhere are left out."""
    cases = trainer.dataset_class(trainer.preprocessed_dataset_folder, None).identifiers
    found, n_channels = find_labeled(raw, trainer.dataset_json), len(channel_names(trainer.dataset_json))
    files = {case: [*found[case][0], found[case][1]] for case in sorted(cases) if case in found}
    whole = (len(paths) == n_channels + 1 and all(path.is_file() for path in paths) for paths in files.values())
    return {case: paths for (case, paths), is_whole in zip(files.items(), whole, strict=True) if is_whole}


def _check_changed(files: dict[str, list[Path]], trainer, n_processes: int) -> dict[str, Exception]:
    """What is wrong, by case, with files that are not known to be right."""
    stamps = {case: [storage.file_stamp(file, file.name) for file in found] for case, found in files.items()}
    checked_file = Path(trainer.preprocessed_dataset_folder_base) / CHECKED_FILE
    checked = storage.read_json(checked_file) or {}
    names, reader = channel_names(trainer.dataset_json), trainer.plans_manager.image_reader_writer_class
    jobs = [(case, files[case], names, reader) for case in files if checked.get(case) != stamps[case]]
    if not jobs:
        return {}
    wrong = run_all(_check, jobs, n_processes, "Checking labeled images")
    checked |= {case: stamps[case] for case, *_ in jobs if case not in wrong}
    with suppress(OSError):  # where prepared data may only be read, the images are read at every start
        storage.write_json(checked, checked_file)
    return wrong


def _check(job: tuple[str, list[Path], list[str], type[BaseReaderWriter]]) -> None:
    _, (*images, label), names, reader = job
    grid_reader(reader)(label)
    read_labeled_ranges(images, reader, names)
