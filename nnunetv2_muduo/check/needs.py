"""Needs of a training, as its trainer's class declares them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Needs:
    """What there must be for a training; by default all that MuDuo needs, for a trainer that isn't found or not ours."""

    unlabeled: bool = True
    """Cases in imagesUn."""
    teachers: bool = True
    ct_and_pet: bool = True
    """Channel 0 is CT and channel 1 is PET."""

    @classmethod
    def of(cls, trainer: type | None) -> "Needs":
        """The needs that a trainer's class declares."""
        if not hasattr(trainer, "needs_teachers"):
            return cls()
        return cls(trainer.needs_unlabeled, trainer.needs_teachers, trainer.needs_ct_and_pet)
