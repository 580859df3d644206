"""Base of all trainers: config, schedule, patch and channels of the student, and the split of few cases."""

from pathlib import Path
from textwrap import indent

import torch
from batchgenerators.utilities.file_and_folder_operations import join
from nnunetv2.training.dataloading.nnunet_dataset import infer_dataset_class
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from torch import nn

from nnunetv2_muduo.checkpoints import STATE_KEY
from nnunetv2_muduo.config import (
    CONFIG_FILE,
    MuDuoConfig,
    TrainingConfig,
    differences,
    fields_of_other_methods,
    former_defaults,
    load_config,
)
from nnunetv2_muduo.data.loader import augmentation_processes, n_augmentation_processes
from nnunetv2_muduo.data.splits import cases_in_no_fold, new_splits, why_no_fold
from nnunetv2_muduo.imageio.modalities import channel_names
from nnunetv2_muduo.nnunet_schedule import NNUNET_SCHEDULE
from nnunetv2_muduo.storage import write_json
from nnunetv2_muduo.trainers.augmentation import AugmentingTrainer
from nnunetv2_muduo.trainers.folds_beside import other_configs, refuse_another_patch
from nnunetv2_muduo.trainers.plans import fit_plans, wanted_patch
from nnunetv2_muduo.trainers.schedule import set_schedule
from nnunetv2_muduo.trainers.student_channels import (
    PickChannels,
    numbers_of_channels,
    student_channels,
    with_student_channels,
)
from nnunetv2_muduo.trainers.tracking import name_organs
from nnunetv2_muduo.trainers.unsupported import why_unsupported
from nnunetv2_muduo.user_files import read_splits

_CUDA = torch.device("cuda")
NNUNET_LEARNING_RATE, ADAMW_LEARNING_RATE = 1e-2, 3e-3


class MuDuoTrainer(AugmentingTrainer):
    """nnU-Net's trainer, configured by a file. Not trained with itself: see its subclasses."""

    config_class: type[TrainingConfig] = MuDuoConfig
    """Which fields the method has."""

    config_overrides: dict = {}
    """Config fields that a subclass sets whatever the config file says."""

    needs_teachers: bool = False
    """Whether teachers are loaded for training; `muduo check` asks."""

    needs_unlabeled: bool = False
    """Whether there must be cases in imagesUn; `muduo check` asks."""

    needs_ct_and_pet: bool = False
    """Whether the data set's channels must be CT and PET, in this order."""

    on_teachers_patch: bool = False
    """Whether the patch is the teachers' image, or as large at their spacing, where the config gives no size."""

    default_num_epochs: int = NNUNET_SCHEDULE["num_epochs"]
    """Epochs where neither the config nor `__init__` of a subclass gives a number. The prompt generator follows it."""

    trains: str = "student"
    """What is trained, in the log's words."""

    _split: tuple[list[str], list[str]] | None = None

    def __init__(
        self,
        plans: dict,
        configuration: str,
        fold: int,
        dataset_json: dict,
        device: torch.device = _CUDA,
    ):
        """nnU-Net's. Numbers that a subclass sets after it, as nnU-Net's users do, stand unless the config gives others."""
        super().__init__(plans, configuration, fold, dataset_json, device)
        name_organs(self.logger, dataset_json)
        if self.num_epochs == NNUNET_SCHEDULE["num_epochs"]:
            self.num_epochs = self.default_num_epochs

    def initialize(self):
        """Resolve the config and fit the plans to its patch and channels before nnU-Net builds the network."""
        if reason := why_unsupported(self):
            raise NotImplementedError(reason)
        self.read_config()
        self._fit_patch()
        self._pick_student_channels()
        super().initialize()
        self.organ_labels = [int(label) for label in self.label_manager.foreground_labels]
        self.patch_size = tuple(self.configuration_manager.patch_size)

    def read_config(self) -> None:
        """Resolve the config and set the numbers of epochs and iterations that it gives; a fifth as many validate."""
        former = self._former_defaults
        self.muduo_config = config = load_config(self.config_overrides, self.config_class, former)
        if former and self.needs_teachers:
            self.print_to_log_file(f"This training began with version 0.1 and goes on with its defaults: {former}.")
        others = fields_of_other_methods(self.config_class)
        if others:
            self.print_to_log_file(f"Config fields of other methods, not read by this one: {', '.join(others)}.")
        n = config.num_iterations_per_epoch
        n_val = None if n is None else max(1, n // 5)
        set_schedule(
            self, num_epochs=self._configured_epochs(), num_iterations_per_epoch=n, num_val_iterations_per_epoch=n_val
        )

    def _configured_epochs(self) -> int | None:
        return self.muduo_config.num_epochs

    def configure_optimizers(self):
        """nnU-Net's SGD, or AdamW with the same falling learning rate, which starts where the trainer's class says."""
        if self.muduo_config.optimizer == "sgd":
            return super().configure_optimizers()
        if self.initial_lr == NNUNET_LEARNING_RATE:
            self.initial_lr = ADAMW_LEARNING_RATE
        optimizer = torch.optim.AdamW(self.network.parameters(), self.initial_lr, weight_decay=self.weight_decay)
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)

    def _fit_patch(self):
        patch_size, planned = self._wanted_patch(), self.configuration_manager
        if patch_size is None:
            return
        self.planned_configuration = planned
        self.plans_manager = PlansManager(fit_plans(self.plans_manager.plans, self.configuration_name, patch_size))
        self.configuration_manager = self.plans_manager.get_configuration(self.configuration_name)
        whose = "the teachers' image" if self.on_teachers_patch else "as the config says"
        self.print_to_log_file(
            f"Patch size {list(planned.patch_size)} of the plans becomes {list(self.configuration_manager.patch_size)}, "
            f"{whose}; batch size {planned.batch_size} -> {self.configuration_manager.batch_size}; "
            f"network stages {len(planned.pool_op_kernel_sizes)} -> "
            f"{len(self.configuration_manager.pool_op_kernel_sizes)}. The plans used are saved with the results."
        )

    def _wanted_patch(self) -> tuple[int, int, int] | None:
        """The patch in voxels, None for the plan's own. Read from the checkpoint when one is being loaded.

        Raises:
            ValueError: the config wants another patch than the teachers see.
        """
        wanted = self._as_trained("patch_size")
        if not self.on_teachers_patch or (wanted is not None and not self.needs_teachers):
            return None if wanted is None else (wanted,) * 3
        if (stored := self._stored_patch()) is not None:
            return stored
        if wanted is not None:
            from nnunetv2_muduo.teachers.ensemble import ensemble_image_size, require_patch  # only needed to train

            require_patch(wanted, ensemble_image_size(self.muduo_config))
        return wanted_patch(
            self.plans_manager.plans, self.configuration_name, self.muduo_config, on_teachers_patch=True
        )

    def _stored_patch(self) -> tuple[int, int, int] | None:
        """The patch of the checkpoint that is being loaded; until 0.1.0 it was always a cube."""
        stored = self.my_init_kwargs.get(STATE_KEY, {})
        cube = [stored["image_size"]] * 3 if "image_size" in stored else None
        patch_size = stored.get("patch_size", cube)
        return None if patch_size is None else tuple(patch_size)

    def _as_trained(self, field: str):
        """A config field that decides about the network: the checkpoint's that is being loaded, else the config's."""
        return self._stored_config.get(field, getattr(self.muduo_config, field))

    @property
    def _stored_config(self) -> dict:
        """The config of the checkpoint that is being loaded, empty where there is none."""
        return self.my_init_kwargs.get(STATE_KEY, {}).get("config", {})

    @property
    def _former_defaults(self) -> dict:
        """What are defaults no more and stay so in this training; a checkpoint without this entry is 0.1's or older."""
        stored = self.my_init_kwargs.get(STATE_KEY, {})
        return stored.get("former_defaults", former_defaults(self._stored_config, self.config_class))

    def _pick_student_channels(self):
        """Write the numbers of the student's channels into the plans, where prediction finds them too."""
        names = channel_names(self.dataset_json)
        channels = numbers_of_channels(self._as_trained("student_channels"), names)
        if len(channels) == len(names):
            return
        plans = with_student_channels(self.plans_manager.plans, self.configuration_name, channels)
        self.plans_manager = PlansManager(plans)
        self.configuration_manager = self.plans_manager.get_configuration(self.configuration_name)
        self.print_to_log_file(f"The student sees {', '.join(names[channel] for channel in channels)} alone.")

    @property
    def seen_channels(self) -> list[int]:
        """Numbers of the channels that the student sees."""
        channels = student_channels(self.configuration_manager)
        return list(range(self.num_input_channels)) if channels is None else list(channels)

    @classmethod
    def build_network_architecture(
        cls, plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision=True
    ) -> nn.Module:
        """nnU-Net's network; where the plans name the student's channels it has these alone and picks them itself.

        It is given all channels, in training and by nnU-Net's predictor, and its weights are those of a stock network.
        """
        channels = student_channels(configuration_manager)
        network = super().build_network_architecture(
            plans_manager,
            configuration_manager,
            num_input_channels if channels is None else len(channels),
            num_output_channels,
            enable_deep_supervision,
        )
        if channels is not None:
            network.register_forward_pre_hook(PickChannels(channels))
        return network

    def do_split(self):
        """nnU-Net's split, read once; with fewer than five cases, too few for its five folds, as many folds as cases."""
        if self._split is None:
            self._split = self._read_split()
        return self._split

    def _read_split(self) -> tuple[list[str], list[str]]:
        if self.fold == "all":
            return super().do_split()
        splits_file = Path(self.preprocessed_dataset_folder_base, "splits_final.json")
        if not splits_file.is_file():
            folder = self.preprocessed_dataset_folder
            splits, remark = new_splits(sorted(infer_dataset_class(folder).get_identifiers(folder)))
            if remark:
                self.print_to_log_file(remark)
            write_json(splits, splits_file)  # in one step, which nnU-Net's own writing is not
        splits = read_splits(splits_file)
        if reason := why_no_fold(self.fold, splits):
            raise ValueError(reason)
        folder = self.preprocessed_dataset_folder
        if unused := cases_in_no_fold(infer_dataset_class(folder).get_identifiers(folder), splits):
            self.print_to_log_file(
                f"WARNING: {len(unused)} labeled cases are in no fold of {splits_file}: {', '.join(unused)}. Add them, or remove "
                "the file to have it drawn anew."
            )
        return super().do_split()

    def get_dataloaders(self):
        """nnU-Net's loaders, with no more processes than this one has cores."""
        with augmentation_processes(n_augmentation_processes()):
            return super().get_dataloaders()

    def before_training(self) -> None:
        """Refuse what can't be trained, before anything is made for it."""
        super().before_training()
        refuse_another_patch(Path(self.output_folder), self.configuration_name, self.configuration_manager.patch_size)
        self.do_split()

    def on_train_start(self):
        super().on_train_start()
        if self.local_rank == 0:
            for sentence in other_configs(Path(self.output_folder), self.muduo_config):
                self.print_to_log_file(f"WARNING: {sentence}. They are predicted with together.")
            self.muduo_config.save(join(self.output_folder, CONFIG_FILE))
            self.logger.update_config({"muduo": self.muduo_config.to_dict()})
            self.print_to_log_file(f"Config, also in {CONFIG_FILE}:\n{indent(self.muduo_config.to_yaml(), '  ')}")
            self._log_headline(
                f"starts: epochs {self.current_epoch} to {self.num_epochs - 1} of {self.num_iterations_per_epoch} iterations"
            )

    def on_train_end(self):
        super().on_train_end()
        if self.local_rank == 0:
            self._log_headline("ends")

    def _log_headline(self, what: str) -> None:
        self.print_to_log_file(
            f"======== Training of the {self.trains} ({type(self).__name__}, fold {self.fold}) {what} ========"
        )

    def muduo_state(self) -> dict:
        """Our own entries of a checkpoint."""
        return {
            **super().muduo_state(),
            "config": self.muduo_config.to_dict(),
            "former_defaults": self._former_defaults,
            "patch_size": list(self.configuration_manager.patch_size),
        }

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
