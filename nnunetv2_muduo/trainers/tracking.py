"""nnU-Net's logging to Weights & Biases: curves with organs' names, and no run for a trainer that is only asked."""

import re
from typing import Any

from nnunetv2.training.logging.nnunet_logger import MetaLogger

from nnunetv2_muduo.labels import organ_names


class OrganNames:
    """A logger of nnU-Net's that is told names where nnU-Net numbers classes: `.../class_2` becomes `.../spleen`."""

    def __init__(self, logger: Any, names: dict[int, str]):
        self._logger, self._names = logger, names

    def log(self, key: str, value: Any, step: int) -> None:
        """A value of an epoch."""
        self._logger.log(self._named(key), value, step)

    def log_summary(self, key: str, value: Any) -> None:
        """A value of the training."""
        self._logger.log_summary(self._named(key), value)

    def update_config(self, config: dict) -> None:
        """What the training is made of."""
        self._logger.update_config(config)

    def _named(self, key: str) -> str:
        return re.sub(r"/class_(\d+)", lambda found: "/" + self._names.get(int(found[1]), found[0][1:]), key)


def name_organs(logger: MetaLogger, dataset_json: dict) -> None:
    """Let the loggers beside nnU-Net's own local one name organs."""
    names = {int(label): name for label, name in organ_names(dataset_json).items()}
    logger.loggers = [OrganNames(one, names) for one in logger.loggers]


def start_tracking(trainer, resume: bool) -> None:
    """Start what the environment asks for, such as W&B, for a trainer that was built without, before it trains.

    Args:
        resume: whether the training goes on from a checkpoint, and its run with it.
    """
    logger = MetaLogger(trainer.output_folder, resume)
    name_organs(logger, trainer.dataset_json)
    logger.local_logger = trainer.logger.local_logger
    logger.update_config(
        {
            "plans": trainer.plans_manager.plans,
            "configuration": trainer.configuration_name,
            "fold": trainer.fold,
            "dataset": trainer.dataset_json,
        }
    )
    trainer.logger = logger
