"""Training curves and pictures of the teachers' masks on two fixed patches, drawn at the end of an epoch."""

from collections.abc import Callable
from pathlib import Path

from nnunetv2.utilities.helpers import empty_cache

from nnunetv2_muduo.config import PANEL_FOLDER, PROGRESS_NAME
from nnunetv2_muduo.data.views import split_views
from nnunetv2_muduo.labels import organ_names
from nnunetv2_muduo.storage import replacing
from nnunetv2_muduo.tables import csv_table
from nnunetv2_muduo.trainers.inspection import Inspection, inspect_patches


def draw_pictures(trainer, epoch: int) -> None:
    """Draw what is due after an epoch, in the first GPU's process. A failure is logged and never stops the training.

    Args:
        trainer: a nnUNetTrainerMuDuo at the end of the epoch.
        epoch: number of the epoch that has just ended.
    """
    _draw((draw_curves, draw_panel) if _panel_is_due(trainer, epoch) else (draw_curves,), trainer, epoch)


def draw_progress(trainer, epoch: int) -> None:
    """Draw the curves alone, as `draw_pictures` does."""
    _draw((draw_curves,), trainer, epoch)


def _draw(drawings: tuple[Callable, ...], trainer, epoch: int) -> None:
    if trainer.local_rank != 0:
        return
    for draw in drawings:
        try:
            draw(trainer, epoch)
        except Exception as error:  # whatever it is, no picture is worth a training
            trainer.print_to_log_file(
                f"{draw.__name__} failed after epoch {epoch}: {type(error).__name__}: {error}. Training goes on."
            )


def draw_curves(trainer, epoch: int) -> None:
    """Write muduo_progress.csv and muduo_progress.png beside nnU-Net's progress.png, with every epoch up to this one."""
    from nnunetv2_muduo.visualization.training_curves import plot_progress, progress_table

    names = organ_names(trainer.dataset_json)
    table = progress_table(trainer.logger.local_logger.my_fantastic_logging, list(names.values()))
    path = Path(trainer.output_folder) / PROGRESS_NAME
    with replacing(path.with_suffix(".csv")) as temporary:
        csv_table(table).to_csv(temporary, index=False)
    with replacing(path.with_suffix(".png")) as temporary:
        plot_progress(table, names, temporary)


def draw_panel(trainer, epoch: int) -> None:
    """Write muduo_panels/epoch_XXXX.png: the masks of prompt map, student and teachers on the fixed patches."""
    from nnunetv2_muduo.visualization.teacher_picture import plot_panel

    rows = panel_rows(inspect_patches(trainer), trainer)
    empty_cache(trainer.device)
    folder = Path(trainer.output_folder) / PANEL_FOLDER
    folder.mkdir(exist_ok=True)
    title = f"fold {trainer.fold}, after epoch {epoch}"
    with replacing(folder / f"epoch_{epoch:04d}.png") as temporary:
        plot_panel(rows, organ_names(trainer.dataset_json), title, temporary)


def panel_rows(inspection: Inspection, trainer) -> list:
    """A `PanelRow` for each patch: the coronal plane that shows most of the prompt map's organs."""
    from nnunetv2_muduo.visualization.coronal import coronal_plane
    from nnunetv2_muduo.visualization.teacher_picture import PanelRow, label_masks

    rows = []
    for i, patch in enumerate(inspection.patches):
        plane = coronal_plane(patch.prompt_map[0].numpy(), patch.direction, trainer.plans_manager.transpose_forward)
        of_patch = inspection.pairs.of_sample(i)
        organs = inspection.pairs.organs[of_patch].tolist()
        labels = [trainer.organ_labels[organ] for organ in organs]
        said = {who: plane.cut(masks[of_patch]) for who, masks in inspection.masks.items()}
        _, ct_hu, pet_suv = split_views(patch.views[None])
        row = PanelRow(
            case=patch.case,
            ct_hu=plane.cut(ct_hu[0, 0]),
            pet_suv=plane.cut(pet_suv[0, 0]),
            pixel_mm=plane.pixel_mm(trainer.configuration_manager.spacing),
            masks={
                "prompts": label_masks(plane.cut(patch.prompt_map[0])),
                "student": label_masks(plane.cut(inspection.student_labels[i])),
                **{who: dict(zip(labels, masks, strict=True)) for who, masks in said.items()},
            },
            agreement=dict(zip(labels, inspection.agreement[i, organs].tolist(), strict=True)),
            kept={label for label, kept in zip(labels, inspection.kept[i, organs].tolist(), strict=True) if kept},
            sides_known=len(patch.direction) > 0,
        )
        rows.append(row)
    return rows


def _panel_is_due(trainer, epoch: int) -> bool:
    """True every `picture_every_epochs` from the first epoch on, and after the last one, where teachers teach at all."""
    config = trainer.muduo_config
    if not config.picture_every_epochs or not config.consistency_weight:
        return False
    return epoch % config.picture_every_epochs == 0 or epoch == trainer.num_epochs - 1
