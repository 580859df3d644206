"""What the student's and the prompt generator's trainer share: config, the teachers' patch, sides, and the fitting split."""

import os
from pathlib import Path

import torch
from batchgenerators.utilities.file_and_folder_operations import isfile, join, load_pickle, save_json
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.crossval_split import generate_crossval_split
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunetv2_muduo.config import MuDuoConfig, differences, load_config
from nnunetv2_muduo.data.generator import NNUNET_EPOCHS, STATE_KEY
from nnunetv2_muduo.data.loader import random_states, set_random_states
from nnunetv2_muduo.trainers.plans import fit_plans, left_right_axis, left_right_names

CONFIG_FILE = "muduo_config.yaml"


class MuDuoTrainer(nnUNetTrainer):
    """nnU-Net's trainer on the teachers' patch, configured by a MuDuoConfig. Not trained with itself: see its subclasses."""

    config_overrides: dict = {}
    """Config fields that a subclass sets whatever the config file says."""

    default_num_epochs: int = NNUNET_EPOCHS
    """Epochs where the config gives no number."""

    _split: tuple[list[str], list[str]] | None = None
    _random_states_to_resume: dict | None = None

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
        from nnunetv2_muduo.trainers.panel import panel_image_size  # teachers are only needed to train

        return panel_image_size(self.muduo_config)

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self):
        """nnU-Net's augmentation ranges, without mirroring left into right where labels tell the two apart."""
        rotation, dummy_2d, initial_patch_size, mirror_axes = (
            super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        )
        pairs = left_right_names(self.dataset_json["labels"])
        if pairs:
            sides = self._left_right_axes()
            mirror_axes = tuple(axis for axis in mirror_axes if axis not in sides)
            self.inference_allowed_mirroring_axes = mirror_axes
            self.print_to_log_file(
                f"Labels come in left and right ({', '.join(left for left, _ in pairs[:3])}...): no mirroring along axis "
                f"{sorted(sides)}, in training and inference. Mirror axes: {mirror_axes}."
            )
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
            if len(cases) < 5:
                save_json(self._small_split(cases), splits_file)
        return super().do_split()

    def _small_split(self, cases: list[str]) -> list[dict]:
        if len(cases) == 1:
            self.print_to_log_file(f"One labeled case: {cases[0]} is used for training and validation alike.")
            return [{"train": cases, "val": cases}]
        self.print_to_log_file(
            f"{len(cases)} labeled cases: creating a {len(cases)}-fold split, one case each to validate."
        )
        return generate_crossval_split(cases, n_splits=len(cases))

    def _refuse_other_patch_beside(self):
        """plans.json is one for all folds of a model: a fold on another patch could not be predicted with any more."""
        plans_file = Path(self.output_folder_base) / "plans.json"
        others = [f for f in plans_file.parent.glob("fold_*/checkpoint_*.pth") if f.parent != Path(self.output_folder)]
        if others and plans_file.is_file():
            patch = PlansManager(str(plans_file)).get_configuration(self.configuration_name).patch_size
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
        # Last, since starting the loaders has drawn from them. Only the first rank's are stored.
        if self._random_states_to_resume is not None and not self.is_ddp:
            self.set_random_states(self._random_states_to_resume)

    def random_states(self) -> dict:
        """Everything random in this process, so that a continued training draws what an undisturbed one would have."""
        return {"global": random_states()}

    def set_random_states(self, states: dict) -> None:
        """Go on from what `random_states` gave."""
        set_random_states(states["global"])

    def muduo_state(self) -> dict:
        """Our own entries of a checkpoint."""
        return {
            "config": self.muduo_config.to_dict(),
            "image_size": self.configuration_manager.patch_size[0],
            "random_states": self.random_states(),
        }

    def save_checkpoint(self, filename: str) -> None:
        """nnU-Net's checkpoint with our entries in it, written beside and renamed, so that it is whole or not there."""
        self.my_init_kwargs[STATE_KEY] = self.muduo_state()
        temporary = f"{filename}.part"
        super().save_checkpoint(temporary)
        if self.local_rank == 0 and not self.disable_checkpointing:
            os.replace(temporary, filename)

    def load_checkpoint(self, filename_or_checkpoint: str) -> None:
        """nnU-Net's loading. Continuing (`--c`) with another config than before is refused.

        Raises:
            ValueError: the config differs from the checkpoint's; the differences are listed.
        """
        stored = torch.load(filename_or_checkpoint, map_location="cpu", weights_only=False, mmap=True)["init_args"]
        state = stored.get(STATE_KEY)
        if state is None:
            raise ValueError(
                f"{filename_or_checkpoint} was not written by {type(self).__name__}. Start without --c / --val."
            )
        if not self.was_initialized:
            self.my_init_kwargs[STATE_KEY] = state
            self.initialize()
        if self.logger.resume:
            self._refuse_other_config(state["config"], Path(filename_or_checkpoint))
            self._random_states_to_resume = state.get("random_states")
        super().load_checkpoint(filename_or_checkpoint)

    def _refuse_other_config(self, stored: dict, checkpoint: Path):
        changed = differences(stored, self.muduo_config.to_dict())
        if changed:
            raise ValueError(
                f"{checkpoint} was trained with another config; continuing would mix two trainings. Restore the config "
                f"({checkpoint.with_name(CONFIG_FILE)}) or start anew without --c. Different (then -> now):\n  "
                + "\n  ".join(changed)
            )
