"""Needs of a training, as its trainer's class declares them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Needs:
    """What there must be for a training; by default all that MuDuo needs, for a trainer that isn't found."""

    unlabeled: bool = True
    """Cases in imagesUn."""
    prompt_maps: bool = True
    teachers: bool = True
    ct_and_pet: bool = True
    """Channel 0 is CT and channel 1 is PET."""

    fine_tuned_sam: bool = False
    """A SAM that is fine-tuned on the fold's labeled cases."""

    @classmethod
    def of(cls, trainer: type | None) -> "Needs":
        """The needs that a trainer's class declares."""
        if trainer is None:
            return cls()
        return cls(
            unlabeled=getattr(trainer, "needs_unlabeled", False),
            prompt_maps=getattr(trainer, "prompt_generator", None) is not None,
            teachers=getattr(trainer, "needs_teachers", False),
            ct_and_pet=getattr(trainer, "needs_ct_and_pet", False),
            fine_tuned_sam=getattr(trainer, "needs_fine_tuned_sam", False),
        )
