"""Unlabeled cases as nnU-Net's loader reads them: all views as the image, the prompt map as the segmentation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from batchgenerators.utilities.file_and_folder_operations import load_json
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetBaseDataset

from nnunetv2_muduo import storage
from nnunetv2_muduo.data.channels import StoredChannel, residual_file
from nnunetv2_muduo.data.views import CT_CHANNEL, PET_CHANNEL, ChannelNormalization, StackedViews


class UnlabeledDataset(nnUNetBaseDataset):
    """Unlabeled cases for nnU-Net's loader: all views as the image, the prompt map as the segmentation.

    Args:
        prompt_map_folder: None where the method has no prompt maps; the segmentation is then background alone.
        physical: numbers of the channels that the method wants in physical units, after the student's view.

    `clean_view` is false at first: set it where the student's view is wanted twice (see `StackedViews`).
    """

    clean_view = False

    def __init__(
        self,
        folder: str | Path,
        prompt_map_folder: str | Path | None,
        identifiers: list[str],
        physical: Sequence[int] = (CT_CHANNEL, PET_CHANNEL),
    ):
        super().__init__(str(folder), list(identifiers))
        self.prompt_map_folder = None if prompt_map_folder is None else Path(prompt_map_folder)
        self.physical = physical

    def load_case(self, identifier):
        """(views [C + n, ...], prompt map [1, ...], None, {'class_locations': ...}), as nnU-Net's datasets do."""
        views = load_views(Path(self.source_folder), identifier, self.physical, self.clean_view)
        prompt_map, class_locations = Background(views.shape[1:]), {}
        if self.prompt_map_folder is not None:
            prompt_map, class_locations = load_prompt_map(self.prompt_map_folder, identifier)
            _require_shape(prompt_map, views.shape[1:])
        outside = outside_file(Path(self.source_folder), identifier)
        if outside.is_file():
            prompt_map = OutsideMarked(prompt_map, storage.StoredArray(outside))
        return views, prompt_map, None, {"class_locations": class_locations}

    @staticmethod
    def save_case(data, seg, properties, output_filename_truncated):
        raise NotImplementedError("Unlabeled cases are written by unlabeled.preprocess_case.")

    @staticmethod
    def get_identifiers(folder):
        """Cases in the folder, by their records, which are written last."""
        return sorted(path.stem for path in Path(folder).glob("*.json"))


class Background:
    """A label map [1, *shape] without any label, which reads like an array and takes no memory."""

    dtype = np.dtype(np.uint8)

    def __init__(self, shape: tuple[int, ...]):
        self.shape = (1, *shape)

    def __getitem__(self, region: tuple[slice, ...]) -> np.ndarray:
        return np.zeros([len(range(*s.indices(n))) for s, n in zip(region, self.shape, strict=True)], self.dtype)


class OutsideMarked:
    """A label map [1, *shape] with -1 outside the mask of nnU-Net's normalization, as nnU-Net marks it in labeled cases."""

    dtype = np.dtype(np.int16)

    def __init__(self, labels, outside):
        self._labels, self._outside = labels, outside
        self.shape = labels.shape

    def __getitem__(self, region: tuple[slice, ...]) -> np.ndarray:
        return np.where(self._outside[region], self.dtype.type(-1), self._labels[region].astype(self.dtype))


def _require_shape(prompt_map: storage.StoredArray, shape: tuple[int, ...]) -> None:
    if tuple(prompt_map.shape) != (1, *shape):
        raise storage.DamagedFile(
            f"{prompt_map.path} has the shape {tuple(prompt_map.shape)}, its case {shape}. Run `muduo prepare` again."
        )


def load_prompt_map(folder: Path, case: str) -> tuple[storage.StoredArray, dict[int, np.ndarray]]:
    """Organ labels [1, a, b, c] and places of each organ, [n, 4] indices into them. Raises DamagedFile."""
    places = folder / f"{case}.npz"
    with storage.naming_damage(places), np.load(places) as locations:
        class_locations = {int(label): locations[label] for label in locations.files}
    return storage.StoredArray(folder / f"{case}.b2nd"), class_locations


def load_views(
    folder: Path, case: str, physical: Sequence[int] = (CT_CHANNEL, PET_CHANNEL), clean_view: bool = False
) -> StackedViews:
    """All views of a preprocessed case; see `StackedViews`. Raises DamagedFile."""
    with storage.naming_damage(folder / f"{case}.json"):
        record = load_json(str(folder / f"{case}.json"))
    normalizations = [ChannelNormalization(**channel) for channel in record["normalizations"]]
    files = channel_files(folder, case, len(normalizations))
    channels = [StoredChannel(file, **channel) for file, channel in zip(files, record["channels"], strict=True)]
    return StackedViews(channels, normalizations, physical, clean_view)


def channel_files(folder: Path, case: str, n_channels: int) -> list[Path]:
    """Where the channels of a preprocessed case are kept."""
    return [folder / f"{case}_{channel:04d}.b2nd" for channel in range(n_channels)]


def case_files(folder: Path, case: str, n_channels: int) -> list[Path]:
    """All files of a preprocessed case that are there, but for its record."""
    channels = channel_files(folder, case, n_channels)
    files = (*channels, *map(residual_file, channels), outside_file(folder, case))
    return [file for file in files if file.is_file()]


def outside_file(folder: Path, case: str) -> Path:
    """Where a case has 1 outside the mask of nnU-Net's normalization, if there is one."""
    return folder / f"{case}_outside.b2nd"
