"""Training of the prompt generator that `muduo prepare` makes: once for each identity, by one process, from where it was left."""

from nnunetv2_muduo.checkpoints import FINAL, remove_superseded, resumable, set_aside_unfit
from nnunetv2_muduo.claims import claimed
from nnunetv2_muduo.data.generator_identity import stored_state, why_not
from nnunetv2_muduo.trainers.requirements import Preparation
from nnunetv2_muduo.trainers.tracking import start_tracking


def train_generator(preparation: Preparation, part_id: int) -> None:
    """Train the generator that belongs to a training, unless it is there. Trainings that need the same one wait for it.

    Args:
        preparation: of the generator's own trainer.
        part_id: part 0 trains, the others need it to be there.

    Raises:
        RuntimeError: another part than 0, and the generator is not there.
    """
    lock_file = preparation.generator_folder.with_suffix(".lock")
    with claimed(lock_file, "trains the generator", preparation.trainer.print_to_log_file):
        _train_once(preparation, part_id)


def _train_once(preparation: Preparation, part_id: int) -> None:
    generator, folder = preparation.trainer, preparation.generator_folder
    what = generator.trains.capitalize()
    reason = preparation.why_no_generator()
    if reason is None:
        generator.print_to_log_file(f"{what}: there ({preparation.generator_checkpoint}).")
        remove_superseded(folder)
        return
    if part_id != 0:
        raise RuntimeError(
            f"The {generator.trains} is not there yet ({reason}); part 0 trains it. This part's cases are preprocessed: "
            f"call it again, when part 0 is done, for its prompt maps."
        )
    generator.print_to_log_file(f"{what}: {reason}. Training it on the fold's labeled cases, in {folder}.")
    for reason in set_aside_unfit(folder, preparation.generator_trainer).values():
        generator.print_to_log_file(f"{what}: {reason}; it is kept under another name.")
    unfinished = [file for file in resumable(folder) if file.name != FINAL]
    fitting = [f for f in unfinished if why_not(stored_state(f).get("generator"), preparation.identity) is None]
    start_tracking(generator, resume=bool(fitting))
    if fitting:
        generator.load_checkpoint(str(fitting[0]))
    generator.run_training()
