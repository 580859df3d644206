"""What the student's and the prompt generator's trainer share: config, the teachers' patch, sides, and the fitting split."""

from pathlib import Path

import torch
from batchgenerators.utilities.file_and_folder_operations import isfile, join, load_pickle
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.utilities.crossval_split import generate_crossval_split
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_muduo.checkpoints import STATE_KEY
from nnunetv2_muduo.config import CONFIG_FILE, MuDuoConfig, differences, load_config
from nnunetv2_muduo.data.generator_identity import NNUNET_EPOCHS
from nnunetv2_muduo.data.left_right import left_right_axis, left_right_names
from nnunetv2_muduo.storage import read_json, write_json
from nnunetv2_muduo.trainers.fault_tolerant import FaultTolerantTrainer
from nnunetv2_muduo.trainers.plans import fit_plans

N_FOLDS = 5  # nnU-Net's
ADAMW_LEARNING_RATE = 3e-3


class MuDuoTrainer(FaultTolerantTrainer):
    """nnU-Net's trainer on the teachers' patch, configured by a MuDuoConfig. Not trained with itself: see its subclasses."""

    config_overrides: dict = {}
    """Config fields that a subclass sets whatever the config file says."""

    default_num_epochs: int = NNUNET_EPOCHS
    """Epochs where the config gives no number."""

    _split: tuple[list[str], list[str]] | None = None

    muduo_config: MuDuoConfig
    """The resolved config, from `initialize` on."""

    def initialize(self):
        """Resolve the config and fit the plans to the teachers' patch before nnU-Net builds the network."""
        self._refuse_unsupported()
        self.muduo_config = load_config(self.config_overrides)
        self._apply_schedule()
        self._use_teacher_patch()
        super().initialize()

    def _refuse_unsupported(self):
        name = type(self).__name__
        if len(self.configuration_manager.patch_size) != 3:
            raise NotImplementedError(
                f"{name} is for 3d configurations; {self.configuration_name} is 2d. Use 3d_fullres."
            )
        if self.is_cascaded:
            raise NotImplementedError(f"{name} does not support cascades ({self.configuration_name}). Use 3d_fullres.")
        if self.label_manager.has_regions:
            raise NotImplementedError(f"{name} does not support region-based labels. Use plain labels in dataset.json.")
        channels = self.dataset_json.get("channel_names", {})
        if len(channels) != 2 or channels.get("0", "").upper() != "CT" or "PET" not in channels.get("1", "").upper():
            raise NotImplementedError(
                f'{name} needs two channels, {{"0": "CT", "1": "PET"}}; dataset.json has {channels}. The names decide the '
                f"normalization: correct them, then plan and preprocess again."
            )

    def _apply_schedule(self):
        """Numbers of epochs and iterations from the config; a fifth as many iterations validate, as with nnU-Net."""
        config = self.muduo_config
        self.num_epochs = config.num_epochs or self.default_num_epochs
        if config.num_iterations_per_epoch is not None:
            self.num_iterations_per_epoch = config.num_iterations_per_epoch
            self.num_val_iterations_per_epoch = max(1, config.num_iterations_per_epoch // 5)

    def configure_optimizers(self):
        """nnU-Net's SGD, or AdamW with the same falling learning rate."""
        if self.muduo_config.optimizer == "sgd":
            return super().configure_optimizers()
        self.initial_lr = ADAMW_LEARNING_RATE
        optimizer = torch.optim.AdamW(self.network.parameters(), self.initial_lr, weight_decay=self.weight_decay)
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)

    def _use_teacher_patch(self):
        image_size = self._teacher_image_size()
        planned = self.configuration_manager
        self.plans_manager = PlansManager(fit_plans(self.plans_manager.plans, self.configuration_name, image_size))
        self.configuration_manager = self.plans_manager.get_configuration(self.configuration_name)
        self.print_to_log_file(
            f"Patch size {list(planned.patch_size)} of the plans becomes {list(self.configuration_manager.patch_size)}, the "
            f"teachers' image size; batch size {planned.batch_size} -> {self.configuration_manager.batch_size}; "
            f"network stages {len(planned.pool_op_kernel_sizes)} -> "
            f"{len(self.configuration_manager.pool_op_kernel_sizes)}. The plans used are saved with the results."
        )

    def _teacher_image_size(self) -> int:
        """Edge of the teachers' image in voxels: the patch. Read from the checkpoint when one is being loaded."""
        known = self.my_init_kwargs.get(STATE_KEY, {}).get("image_size")
        if known is not None:
            return known
        from nnunetv2_muduo.teachers.ensemble import ensemble_image_size  # teachers are only needed to train

        return ensemble_image_size(self.muduo_config)

    def get_training_transforms(self, patch_size, rotation, deep_supervision_scales, *args, **kwargs):
        """nnU-Net's augmentation, or with `augmentation: none` what it does to validation patches."""
        if self.muduo_config.augmentation == "none":
            return self.get_validation_transforms(deep_supervision_scales)
        return super().get_training_transforms(patch_size, rotation, deep_supervision_scales, *args, **kwargs)

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self):
        """nnU-Net's augmentation ranges, without mirroring left into right where labels tell the two apart."""
        rotation, dummy_2d, initial_patch_size, mirror_axes = (
            super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        )
        pairs = left_right_names(self.dataset_json["labels"])
        if self.muduo_config.augmentation != "nnunet":
            mirror_axes = ()
        elif pairs:
            sides = self._left_right_axes()
            mirror_axes = tuple(axis for axis in mirror_axes if axis not in sides)
            self.print_to_log_file(
                f"Labels come in left and right ({', '.join(left for left, _ in pairs[:3])}...): no mirroring along axis "
                f"{sorted(sides)}, in training and inference. Mirror axes: {mirror_axes}."
            )
        self.inference_allowed_mirroring_axes = (
            mirror_axes or None
        )  # no axes at all is nothing nnU-Net's predictor can take
        if self.muduo_config.augmentation == "none":
            initial_patch_size = self.configuration_manager.patch_size  # nothing turns or shrinks
        return rotation, dummy_2d, initial_patch_size, mirror_axes

    def _left_right_axes(self) -> set[int]:
        """Axes from side to side over all labeled cases; all three where the images' direction is unknown."""
        axes = set()
        for case in self.dataset_class.get_identifiers(self.preprocessed_dataset_folder):
            properties = load_pickle(join(self.preprocessed_dataset_folder, f"{case}.pkl"))
            direction = properties.get("sitk_stuff", {}).get("direction")
            if direction is None:
                return {0, 1, 2}
            axes.add(left_right_axis(direction, self.plans_manager.transpose_forward))
        return axes

    def do_split(self):
        """nnU-Net's split, read once; with fewer than five cases, too few for its five folds, as many folds as cases."""
        if self._split is None:
            self._split = self._read_split()
        return self._split

    def _read_split(self) -> tuple[list[str], list[str]]:
        splits_file = join(self.preprocessed_dataset_folder_base, "splits_final.json")
        if self.fold != "all" and not isfile(splits_file):
            cases = sorted(self.dataset_class.get_identifiers(self.preprocessed_dataset_folder))
            write_json(self._new_split(cases), Path(splits_file))  # in one step, which nnU-Net's own writing is not
        return super().do_split()

    def _new_split(self, cases: list[str]) -> list[dict]:
        if len(cases) >= N_FOLDS:
            return _plain(generate_crossval_split(cases, n_splits=N_FOLDS))
        if len(cases) == 1:
            self.print_to_log_file(f"One labeled case: {cases[0]} is used for training and validation alike.")
            return [{"train": cases, "val": cases}]
        self.print_to_log_file(
            f"{len(cases)} labeled cases: creating a {len(cases)}-fold split, one case each to validate."
        )
        return _plain(generate_crossval_split(cases, n_splits=len(cases)))

    def _refuse_other_patch_beside(self):
        """plans.json is one for all folds of a model: a fold on another patch could not be predicted with any more."""
        plans_file = Path(self.output_folder_base) / "plans.json"
        others = [f for f in plans_file.parent.glob("fold_*/checkpoint_*.pth") if f.parent != Path(self.output_folder)]
        plans = read_json(plans_file)
        if others and plans is not None:
            patch = PlansManager(plans).get_configuration(self.configuration_name).patch_size
            if list(patch) != list(self.configuration_manager.patch_size):
                raise ValueError(
                    f"{others[0].parent} was trained on patches of {patch}, this fold would be on "
                    f"{self.configuration_manager.patch_size}; they can't share {plans_file}. Use teachers of one image size for "
                    f"all folds, plans under another name (-p), or remove the other folds."
                )

    def on_train_start(self):
        self._refuse_other_patch_beside()
        super().on_train_start()
        if self.local_rank == 0:
            self.muduo_config.save(join(self.output_folder, CONFIG_FILE))
            self.print_to_log_file(f"MuDuo config, also in {CONFIG_FILE}:\n{self.muduo_config}")

    def muduo_state(self) -> dict:
        """Our own entries of a checkpoint."""
        own = {"config": self.muduo_config.to_dict(), "image_size": self.configuration_manager.patch_size[0]}
        return {**super().muduo_state(), **own}

    def accept_checkpoint(self, state: dict, path: Path) -> None:
        """Refuse to continue with another config than before.

        Raises:
            ValueError: the config differs from the checkpoint's; the differences are listed.
        """
        changed = differences(state["config"], self.muduo_config.to_dict())
        if changed:
            raise ValueError(
                f"{path} was trained with another config; continuing would mix two trainings. Restore the config "
                f"({path.with_name(CONFIG_FILE)}) or start anew without --c. Different (then -> now):\n  "
                + "\n  ".join(changed)
            )


def _plain(splits: list[dict]) -> list[dict]:
    """Splits with Python's own strings in place of numpy's, ready for JSON."""
    return [{part: [str(case) for case in cases] for part, cases in split.items()} for split in splits]
