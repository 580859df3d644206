"""Requirements of a semi-supervised training before its first step, each made once and checked every time.

1. unlabeled cases, preprocessed with the training's plans (`data.unlabeled`);
2. for methods with a prompt generator: the generator, trained on the fold's labeled cases (`prompt_generator`);
3. its prompt map for every unlabeled case (`data.prompt_maps`);
4. what a method has of its own instead, as CFR's fine-tuned SAM (`make_its_own`).
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nnunetv2.paths import nnUNet_raw, nnUNet_results

from nnunetv2_muduo.check.leakage import leaks
from nnunetv2_muduo.checkpoints import FINAL
from nnunetv2_muduo.data.checksums import OncePerFile, compare, digests_of_files
from nnunetv2_muduo.data.excluded_cases import refuse_too_many
from nnunetv2_muduo.data.generator_folders import generator_folder, why_none
from nnunetv2_muduo.data.generator_identity import generator_identity, stored_state
from nnunetv2_muduo.data.orientation import common_orientation
from nnunetv2_muduo.data.outdated import excluded_cases, outdated_cases
from nnunetv2_muduo.data.prompt_maps import (
    label_ranges,
    map_files,
    outdated_maps,
    prompt_map_folder,
    unfit_maps,
    unusable_maps,
)
from nnunetv2_muduo.data.raw_images import UNLABELED_FOLDER, find_unlabeled, without_raw_files
from nnunetv2_muduo.data.unlabeled import plan_identity, unlabeled_folder
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset, case_files
from nnunetv2_muduo.data.worker_status import TrackedDataset
from nnunetv2_muduo.imageio.image_files import files_of_cases
from nnunetv2_muduo.imageio.modalities import channel_names
from nnunetv2_muduo.parallel import listed
from nnunetv2_muduo.trainer_classes import trainer_class


@dataclass(frozen=True)
class Preparation:
    """What the training of one trainer needs, and what of it is there. `trainer` has been initialized."""

    trainer: Any
    generator_trainer: str | None
    """Trainer of the prompt generator; None for methods without prompt maps."""

    @cached_property
    def raw_files(self) -> dict[str, list[str] | None]:
        """Raw files of every unlabeled case; None each where they are elsewhere but the cases are prepared."""
        raw, dataset_json = self.raw_dataset, self.trainer.dataset_json
        prepared, ending = UnlabeledDataset.get_identifiers(self.unlabeled_folder), dataset_json["file_ending"]
        if prepared and not any(files_of_cases(raw / UNLABELED_FOLDER, ending)):
            return dict.fromkeys(prepared)
        return find_unlabeled(raw, ending, channel_names(dataset_json))

    @property
    def raw_dataset(self) -> Path:
        """The raw data set, which may be elsewhere."""
        return Path(nnUNet_raw.get() or "") / self.trainer.plans_manager.dataset_name

    @property
    def excluded(self) -> dict[str, str]:
        """Unlabeled cases that are left out, with reasons."""
        return excluded_cases(self.raw_files, self.unlabeled_folder, self._plan)

    @property
    def unlabeled_files(self) -> dict[str, list[str] | None]:
        """`raw_files` of the cases that can be used."""
        excluded = self.excluded
        return {case: files for case, files in self.raw_files.items() if case not in excluded}

    @property
    def _plan(self) -> str:
        return plan_identity(self.trainer.plans_manager, self.trainer.configuration_name)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Identity of the generator that belongs to this training."""
        return training_identity(self.trainer, self.generator_class)

    @cached_property
    def generator_class(self) -> type:
        """The generator's trainer."""
        return trainer_class(self.generator_trainer)

    @property
    def unlabeled_folder(self) -> Path:
        """Folder of the preprocessed unlabeled cases."""
        trainer = self.trainer
        data_identifier = trainer.configuration_manager.data_identifier
        return unlabeled_folder(Path(trainer.preprocessed_dataset_folder_base), data_identifier)

    def stock_folder(self, trainer_name: str) -> Path:
        """nnU-Net's results folder of a trainer on this data set, plans, configuration and fold."""
        plans, configuration = self.trainer.plans_manager, self.trainer.configuration_name
        model = f"{trainer_name}__{plans.plans_name}__{configuration}"
        return Path(nnUNet_results.get() or "") / plans.dataset_name / model / f"fold_{self.trainer.fold}"

    @cached_property
    def generator_folder(self) -> Path:
        """Folder of the generator that belongs to this training; see `data.generator_folders`."""
        return generator_folder(self.stock_folder(self.generator_trainer), self.identity)

    @property
    def generator_checkpoint(self) -> Path:
        """The finished generator."""
        return self.generator_folder / FINAL

    @property
    def prompt_map_folder(self) -> Path | None:
        """Folder of this generator's prompt maps, one for each training of a generator, so that none is ever replaced.

        None for methods without prompt maps.
        """
        if self.generator_trainer is None:
            return None
        stock = self.stock_folder(self.generator_trainer)
        return prompt_map_folder(self.unlabeled_folder, stock.parent.name, stock.name, self.made_by["id"])

    @property
    def made_by(self) -> dict[str, Any]:
        """What prompt maps of this generator carry. Raises ValueError where there is no generator yet."""
        if reason := self.why_no_generator():
            raise unusable_maps(self.unlabeled_folder, reason)
        return {"generator": self.identity, "id": stored_state(self.generator_checkpoint)["generator_id"]}

    def outdated_cases(self) -> dict[str, str]:
        """Unlabeled cases to preprocess, with reasons. Files of the others are compared with their checksums."""
        reasons = outdated_cases(self.raw_files, self.unlabeled_folder, self._plan, self.orientation)
        folder, n_channels = self.unlabeled_folder, len(channel_names(self.trainer.dataset_json))
        others = [case for case in self.unlabeled_files if case not in reasons]
        return reasons | self._damaged(folder, {case: case_files(folder, case, n_channels) for case in others})

    @property
    def orientation(self) -> str | None:
        """Orientation of the labeled cases, into which unlabeled ones are brought; None where they differ or it is unknown."""
        return common_orientation(self.trainer.labeled_directions)

    def why_no_generator(self) -> str | None:
        """Why the generator has to be trained, None where it is there."""
        return why_none(self.stock_folder(self.generator_trainer), self.identity)

    def outdated_maps(self) -> dict[str, str]:
        """Unlabeled cases that need a prompt map, with reasons; the generator must be there.

        Maps that are there are compared with their checksums, and with shape and labels of the case and the data set.
        """
        folder, cases = self.prompt_map_folder, list(self.unlabeled_files)
        reasons = outdated_maps(folder, self.unlabeled_folder, cases, self.made_by)
        reasons |= self._damaged(folder, {case: map_files(folder, case) for case in cases if case not in reasons})
        whole, organs = [case for case in cases if case not in reasons], self.trainer.label_manager.foreground_labels
        return reasons | unfit_maps(folder, self.unlabeled_folder, whole, organs, self._label_ranges)

    @cached_property
    def _digests(self) -> OncePerFile:
        return digests_of_files()

    @cached_property
    def _label_ranges(self) -> OncePerFile:
        return label_ranges()

    def _damaged(self, folder: Path, files_of: dict[str, list[Path]]) -> dict[str, str]:
        damaged, new = compare(folder, files_of, self._digests)
        if new:
            self.trainer.print_to_log_file(
                f"{len(new)} case(s) in {folder}, prepared by an earlier version, had no checksums and have them from now on."
            )
        return damaged

    def log_raw_files(self) -> None:
        """Say in the log where raw files are gone, or hold a scan that is in two sets (which makes every figure too good)."""
        if None in self.raw_files.values():
            self.trainer.print_to_log_file(f"WARNING: {without_raw_files(self.raw_dataset, len(self.raw_files))}.")
        plans_name = self.trainer.plans_manager.plans_name
        # Other processes of a training wait for the first only so long.
        for leak in leaks(self.raw_dataset, self.trainer.fold, plans_name, with_images=not self.trainer.is_ddp):
            self.trainer.print_to_log_file(f"WARNING: {leak}.")

    def log_excluded(self) -> None:
        """Name the cases that are left out in the log. Raises RuntimeError where they are more than 5 % of all."""
        excluded = self.excluded
        refuse_too_many(excluded, list(self.raw_files))
        if excluded:
            self.trainer.print_to_log_file(
                f"Left out, {len(excluded)} unlabeled case(s) that can't be used:\n{listed(excluded)}"
            )

    def missing(self) -> list[str]:
        """What still has to be made, in words; empty when training can start."""
        cases = self.outdated_cases()
        if cases:
            return [f"{len(cases)} unlabeled case(s) to preprocess: {_summary(cases)}"]
        if self.generator_trainer is None:
            return self.trainer.missing_of_its_own()
        reason = self.why_no_generator()
        if reason is not None:
            return [f"{self.generator_class.trains} to train: {reason}"]
        maps = self.outdated_maps()
        return [f"{len(maps)} prompt map(s) to make: {_summary(maps)}"] if maps else []


def training_identity(trainer, generator_class: type) -> dict[str, Any]:
    """Identity of the generator that belongs to an initialized trainer's plans, labels and config."""
    configuration, labeled, config = trainer.configuration_name, labeled_cases(trainer), trainer.muduo_config
    shared = generator_identity(trainer.plans_manager, configuration, labeled, config, trainer.generator_schedule())
    return {**shared, **generator_class.own_identity(config)}


def labeled_cases(trainer) -> TrackedDataset:
    """The fold's labeled training cases, preprocessed by nnU-Net."""
    train_cases, _ = trainer.do_split()
    return TrackedDataset(
        trainer.dataset_class(trainer.preprocessed_dataset_folder, train_cases), trainer.worker_status
    )


def _summary(reasons: dict[str, str]) -> str:
    counts = {reason: list(reasons.values()).count(reason) for reason in dict.fromkeys(reasons.values())}
    return ", ".join(f"{reason} ({n})" for reason, n in counts.items())
