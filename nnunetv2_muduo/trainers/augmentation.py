"""Augmentation of all trainers: nnU-Net's, but left is not mirrored into right, and thick slices stay what they are."""

from functools import cached_property

from batchgenerators.utilities.file_and_folder_operations import join, load_pickle
from nnunetv2.configuration import ANISO_THRESHOLD
from nnunetv2.training.data_augmentation.compute_initial_patch_size import get_patch_size
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager

from nnunetv2_muduo.config import TrainingConfig
from nnunetv2_muduo.data.left_right import left_right_axis, sides_of_labels
from nnunetv2_muduo.trainers.fault_tolerant import FaultTolerantTrainer

NNUNET_SCALES = (0.85, 1.25)  # by which nnU-Net enlarges the patch that augmentation starts from


class AugmentingTrainer(FaultTolerantTrainer):
    """Fault-tolerant trainer with nnU-Net's augmentation as the config, the labels' sides and the planned patch want it."""

    muduo_config: TrainingConfig
    """The resolved config, from `initialize` on."""

    planned_configuration: ConfigurationManager | None = None
    """The plan's own configuration, where its patch is not used."""

    def get_training_transforms(self, patch_size, rotation, deep_supervision_scales, *args, **kwargs):
        """nnU-Net's augmentation, or with `augmentation: none` what it does to validation patches."""
        if self.muduo_config.augmentation == "none":
            return self.get_validation_transforms(deep_supervision_scales)
        return super().get_training_transforms(patch_size, rotation, deep_supervision_scales, *args, **kwargs)

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self):
        """nnU-Net's augmentation ranges, without mirroring left into right where labels tell the two apart."""
        rotation, dummy_2d, initial_patch_size, mirror_axes = self._augmentation_ranges()
        has_sides, why = sides_of_labels(self.dataset_json["labels"], self.muduo_config.labels_have_sides)
        if self.muduo_config.augmentation != "nnunet":
            mirror_axes = ()
        elif has_sides:
            sides = self._left_right_axes()
            mirror_axes = tuple(axis for axis in mirror_axes or () if axis not in sides)
            self.print_to_log_file(
                f"{why}: no mirroring along axis {sorted(sides)}, in training and inference. Mirror axes: {mirror_axes}."
            )
        elif why:
            self.print_to_log_file(f"{why}: mirroring stays on.")
        self.inference_allowed_mirroring_axes = (
            mirror_axes or None
        )  # no axes at all is nothing nnU-Net's predictor can take
        if self.muduo_config.augmentation == "none":
            initial_patch_size = self.configuration_manager.patch_size  # nothing turns or shrinks
        return rotation, dummy_2d, initial_patch_size, mirror_axes

    def _augmentation_ranges(self) -> tuple:
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
                f"within their slices alone (nnU-Net's dummy 2d augmentation), though they are cubes."
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
