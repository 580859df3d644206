"""What `muduo segment` writes of a case, and tells of all."""

from pathlib import Path

from nnunetv2_muduo.evaluation.text import markdown_table
from nnunetv2_muduo.prompting.images import arrays_on_grid
from nnunetv2_muduo.prompting.segment_case import FIGURES_FILE, SegmentedCase, write_case, write_figures
from nnunetv2_muduo.visualization.prompt_figure import Clicks, draw_prompts


def write_results(
    segmented: SegmentedCase, rows: list[dict], folder: Path, with_probabilities: bool, suv_max: float
) -> None:
    """Write a case's files, and the table of all objects so far.

    Args:
        rows: of this case and those before it.
        suv_max: upper end of the PET's gray values in the picture.

    Raises:
        OSError: the place can't be written, or has no room.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_case(segmented, folder, with_probabilities)
    _draw(segmented, folder / f"{segmented.case.name}.png", suv_max)
    write_figures(rows, folder)


def results_text(rows: list[dict], folder: Path) -> str:
    """The figures as a table, and where everything was written."""
    cells = [[f"{one:.2f}" if isinstance(one, float) else one for one in row.values()] for row in rows]
    return f"{markdown_table(rows[0], cells)}\n\n{folder} has label maps, sessions, pictures and {FIGURES_FILE}."


def _draw(segmented: SegmentedCase, path: Path, suv_max: float) -> None:
    """The case's picture, CT before PET, with all clicks and scribbles."""
    first, *_ = images = segmented.images
    arrays = arrays_on_grid({modality: images[modality] for modality in sorted(images)}, first)
    session = segmented.session
    clicks = [
        Clicks(session.clicked_voxels(object_id, positive), positive)
        for object_id in session.objects
        for positive in (False, True)
    ]
    spacing_mm = session.space.spacing_zyx_mm
    draw_prompts(arrays, segmented.labels, spacing_mm, segmented.objects, clicks, path, suv_max)
