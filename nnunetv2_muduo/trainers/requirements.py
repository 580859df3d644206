"""Requirements of a semi-supervised training before its first step, each made once and checked every time.

1. unlabeled cases, preprocessed with the training's plans (`data.unlabeled`);
2. for methods with a prompt generator: the generator, trained on the fold's labeled cases (`prompt_generator`);
3. its prompt map for every unlabeled case (`data.prompt_maps`).
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nnunetv2.paths import nnUNet_raw

from nnunetv2_muduo.checkpoints import FINAL
from nnunetv2_muduo.data.excluded_cases import refuse_too_many
from nnunetv2_muduo.data.generator_identity import generator_identity, stored_state, why_not
from nnunetv2_muduo.data.orientation import common_orientation
from nnunetv2_muduo.data.outdated import excluded_cases, outdated_cases
from nnunetv2_muduo.data.prompt_maps import outdated_maps, prompt_map_folder
from nnunetv2_muduo.data.raw_images import find_unlabeled
from nnunetv2_muduo.data.unlabeled import plan_identity, unlabeled_folder
from nnunetv2_muduo.data.unlabeled_dataset import UnlabeledDataset
from nnunetv2_muduo.data.worker_status import TrackedDataset
from nnunetv2_muduo.imageio.modalities import channel_names
from nnunetv2_muduo.parallel import listed


@dataclass(frozen=True)
class Preparation:
    """What the training of one trainer needs, and what of it is there. `trainer` has been initialized."""

    trainer: Any
    generator_trainer: str | None
    """Trainer of the prompt generator; None for methods without prompt maps."""

    @cached_property
    def raw_files(self) -> dict[str, list[str] | None]:
        """Raw files of every unlabeled case; None each where the raw data set is elsewhere but the cases are prepared."""
        raw = Path(nnUNet_raw.get() or "") / self.trainer.plans_manager.dataset_name
        prepared = UnlabeledDataset.get_identifiers(self.unlabeled_folder)
        if prepared and not raw.is_dir():
            return dict.fromkeys(prepared)
        dataset_json = self.trainer.dataset_json
        return find_unlabeled(raw, dataset_json["file_ending"], channel_names(dataset_json))

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
        return training_identity(self.trainer)

    @property
    def unlabeled_folder(self) -> Path:
        """Folder of the preprocessed unlabeled cases."""
        trainer = self.trainer
        data_identifier = trainer.configuration_manager.data_identifier
        return unlabeled_folder(Path(trainer.preprocessed_dataset_folder_base), data_identifier)

    @property
    def generator_folder(self) -> Path:
        """nnU-Net's results folder of the generator's fold."""
        student_folder = Path(self.trainer.output_folder)
        model = student_folder.parent.name.replace(type(self.trainer).__name__, self.generator_trainer, 1)
        return student_folder.parent.with_name(model) / student_folder.name

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
        model, fold = self.generator_folder.parent.name, self.generator_folder.name
        return prompt_map_folder(self.unlabeled_folder, model, fold, self.made_by["id"])

    @property
    def made_by(self) -> dict[str, Any]:
        """What prompt maps of this generator carry; the generator must be there."""
        return {"generator": self.identity, "id": stored_state(self.generator_checkpoint)["generator_id"]}

    def outdated_cases(self) -> dict[str, str]:
        """Unlabeled cases to preprocess, with reasons."""
        return outdated_cases(self.raw_files, self.unlabeled_folder, self._plan, self.orientation)

    @property
    def orientation(self) -> str | None:
        """Orientation of the labeled cases, into which unlabeled ones are brought; None where they differ or it is unknown."""
        return common_orientation(self.trainer.labeled_directions)

    def why_no_generator(self) -> str | None:
        """Why the generator has to be trained, None where it is there."""
        return why_not(stored_state(self.generator_checkpoint).get("generator"), self.identity)

    def outdated_maps(self) -> dict[str, str]:
        """Unlabeled cases that need a prompt map, with reasons; the generator must be there."""
        return outdated_maps(self.prompt_map_folder, self.unlabeled_folder, list(self.unlabeled_files), self.made_by)

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
            return []
        reason = self.why_no_generator()
        if reason is not None:
            return [f"prompt generator to train: {reason}"]
        maps = self.outdated_maps()
        return [f"{len(maps)} prompt map(s) to make: {_summary(maps)}"] if maps else []


def training_identity(trainer) -> dict[str, Any]:
    """Identity of the generator that belongs to an initialized trainer's plans, labels and config."""
    configuration, labeled = trainer.configuration_name, labeled_cases(trainer)
    schedule = trainer.generator_schedule()
    return generator_identity(trainer.plans_manager, configuration, labeled, trainer.muduo_config, schedule)


def labeled_cases(trainer) -> TrackedDataset:
    """The fold's labeled training cases, preprocessed by nnU-Net."""
    train_cases, _ = trainer.do_split()
    return TrackedDataset(
        trainer.dataset_class(trainer.preprocessed_dataset_folder, train_cases), trainer.worker_status
    )


def _summary(reasons: dict[str, str]) -> str:
    counts = {reason: list(reasons.values()).count(reason) for reason in dict.fromkeys(reasons.values())}
    return ", ".join(f"{reason} ({n})" for reason, n in counts.items())
