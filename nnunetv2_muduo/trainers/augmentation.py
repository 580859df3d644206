"""Augmentation of all trainers: nnU-Net's, but left is not mirrored into right, and thick slices stay what they are."""

from functools import cached_property

import numpy as np
from batchgenerators.utilities.file_and_folder_operations import join, load_pickle
from nnunetv2.configuration import ANISO_THRESHOLD
from nnunetv2.training.data_augmentation.compute_initial_patch_size import get_patch_size
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager

from nnunetv2_muduo.config import TrainingConfig
from nnunetv2_muduo.data.left_right import left_right_axis, sides_of_labels
from nnunetv2_muduo.data.mirroring import without_axes
from nnunetv2_muduo.trainers.fault_tolerant import FaultTolerantTrainer

NNUNET_SCALES = (0.85, 1.25)  # by which nnU-Net enlarges the patch that augmentation starts from


class AugmentingTrainer(FaultTolerantTrainer):
    """Fault-tolerant trainer with nnU-Net's augmentation as the config, the labels' sides and the planned patch want it."""

    muduo_config: TrainingConfig
    """The resolved config, from `initialize` on."""

    planned_configuration: ConfigurationManager | None = None
    """The plan's own configuration, where its patch is not used."""

    def initialize(self):
        """nnU-Net's. From here on both hooks of augmentation, whichever class of an own trainer wrote them, are asked through
        ours: a variant of nnU-Net's that is named before this class, or a method of a user, would let left become right.
        """
        super().initialize()
        self._ranges_of_classes = self.configure_rotation_dummyDA_mirroring_and_inital_patch_size
        self._transforms_of_classes = self.get_training_transforms
        self.configure_rotation_dummyDA_mirroring_and_inital_patch_size = self._ranges_as_wanted
        self.get_training_transforms = self._transforms_as_wanted

    def get_training_transforms(self, patch_size, rotation, deep_supervision_scales, *args, **kwargs):
        """nnU-Net's augmentation, or with `augmentation: none` what it does to validation patches."""
        if self.muduo_config.augmentation == "none":
            return self.get_validation_transforms(deep_supervision_scales)
        return super().get_training_transforms(patch_size, rotation, deep_supervision_scales, *args, **kwargs)

    def _transforms_as_wanted(self, patch_size, rotation, deep_supervision_scales, mirror_axes, dummy_2d, **options):
        """Transforms of the trainer's classes, without those that would mirror left into right."""
        transforms = self._transforms_of_classes(
            patch_size, rotation, deep_supervision_scales, mirror_axes, dummy_2d, **options
        )
        return without_axes(transforms, self._axes_never_mirrored(rotation, dummy_2d))

    def _ranges_as_wanted(self) -> tuple:
        """Augmentation ranges of the trainer's classes, without mirroring left into right where labels tell the two apart."""
        rotation, dummy_2d, initial_patch_size, mirror_axes = self._ranges_of_classes()
        kept_apart = self._axes_never_mirrored(rotation, dummy_2d)
        mirror_axes, in_inference = (
            tuple(axis for axis in axes or () if axis not in kept_apart)
            for axes in (mirror_axes, self.inference_allowed_mirroring_axes)
        )
        self.inference_allowed_mirroring_axes = in_inference or None  # nnU-Net's predictor can't take no axes at all
        self._log_sides(kept_apart, mirror_axes)
        if self.muduo_config.augmentation == "none":
            initial_patch_size = self.configuration_manager.patch_size  # nothing turns or shrinks
        return rotation, dummy_2d, initial_patch_size, mirror_axes

    def _axes_never_mirrored(self, rotation, dummy_2d: bool) -> set[int]:
        """Axes of the patch along which the config or the labels' sides forbid mirroring."""
        if self.muduo_config.augmentation != "nnunet":
            return {0, 1, 2}
        if not self._sides[0]:
            return set()
        sides, turned = self._left_right_axes(), {1, 2} if dummy_2d else {0, 1, 2}
        # Half a turn, then mirroring along the turned plane's other axis, is mirroring from side to side.
        return sides | turned if sides & turned and np.max(np.abs(rotation)) > np.pi / 2 else sides

    @property
    def _sides(self) -> tuple[bool, str]:
        return sides_of_labels(self.dataset_json["labels"], self.muduo_config.labels_have_sides)

    def _log_sides(self, kept_apart: set[int], mirror_axes: tuple[int, ...]) -> None:
        has_sides, why = self._sides
        if not why or self.muduo_config.augmentation != "nnunet":
            return
        axes = f"no mirroring along axis {sorted(kept_apart)}, in training and inference. Mirror axes: {mirror_axes}."
        self.print_to_log_file(f"{why}: {axes if has_sides else 'mirroring stays on.'}")

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self):
        """nnU-Net's, by the plan's own patch where that is flat: a cube would hide that slices are too thick to be tilted."""
        fitted, planned = self.configuration_manager, self.planned_configuration
        if planned is None or max(planned.patch_size) <= ANISO_THRESHOLD * planned.patch_size[0]:
            return super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        self.configuration_manager = planned
        try:
            rotation, dummy_2d, _, axes = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        finally:
            self.configuration_manager = fitted
        initial_patch_size = get_patch_size(fitted.patch_size, rotation, rotation, rotation, NNUNET_SCALES)
        if dummy_2d:
            initial_patch_size[0] = fitted.patch_size[0]
            self.print_to_log_file(
                f"The planned patch {list(planned.patch_size)} is of thick slices: as planned, patches are turned and scaled "
                f"within their slices alone (nnU-Net's dummy 2d augmentation), though their shape is another."
            )
        return rotation, dummy_2d, initial_patch_size, axes

    def _left_right_axes(self) -> set[int]:
        """Axes from side to side over all labeled cases; all three where the images' direction is unknown."""
        transpose_forward = self.plans_manager.transpose_forward
        directions = self.labeled_directions
        return {0, 1, 2} if None in directions else {left_right_axis(d, transpose_forward) for d in directions}

    @cached_property
    def labeled_directions(self) -> list[tuple[float, ...] | None]:
        """Direction cosines of all labeled cases, as SimpleITK gives them; None each where their reader knows none."""
        folder = self.preprocessed_dataset_folder
        cases = (load_pickle(join(folder, f"{case}.pkl")) for case in self.dataset_class.get_identifiers(folder))
        return [properties.get("sitk_stuff", {}).get("direction") for properties in cases]
