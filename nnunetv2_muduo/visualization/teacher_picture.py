"""Picture of student and teachers: a row per patch with the organ contours of each, and which organs are kept."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnunetv2_muduo.visualization.case_figure import CT_WINDOW_HU, draw_marked_view, organ_color
from nnunetv2_muduo.visualization.figure_text import figure_style, fitted, wrapped
from nnunetv2_muduo.visualization.marks import CORONAL_SIDES, panel_inches
from nnunetv2_muduo.visualization.slices import View

PET_WINDOW_SUV = (0, 10)
COLUMNS = {  # key: (title, background)
    "ct_image": (f"CT, {CT_WINDOW_HU[0]} to {CT_WINDOW_HU[1]} HU", "ct"),
    "pet_image": (f"PET, SUV {PET_WINDOW_SUV[0]} to {PET_WINDOW_SUV[1]}", "pet"),
    "prompts": ("prompt map", "pet"),
    "student": ("student", "ct"),
    "ct": ("CT teacher", "ct"),
    "pet": ("PET teacher", "pet"),
    "average": ("student's average", "ct"),
    "mixed": ("mixed pseudo label", "ct"),
}
IMAGE_INCHES, GAP_INCHES, TITLE_INCHES, CASE_INCHES = 1.9, 0.05, 0.55, 0.35
LEAST_ROW_INCHES, LINE_INCHES = 1.0, 0.13  # of a case's name, and of an organ among many
NAME_INCHES, BAR_INCHES, VERDICT_INCHES = 1.7, 0.6, 1.2
TITLE_SIZE, COLUMN_SIZE, NAME_SIZE = 10, 9, 8  # points
BACKGROUND, FOREGROUND, FAINT = "#101214", "#e8e8e8", "#8a8f98"
DPI = 100


@dataclass(frozen=True)
class PanelRow:
    """One patch in one plane, all arrays [rows, columns].

    masks: of the prompt map ("prompts"), the student, the "ct" and the "pet" teacher, the student's "average" where it
        has a voice, and their mixture ("mixed"), by label value. What is missing, as with one teacher alone, gets no column.
    agreement: of the two teachers, in [0, 1], for every organ that they were asked for; kept: those that teach.
    sides_known: whether the image says where the patient's left and right are; they are marked then.
    """

    case: str
    ct_hu: np.ndarray
    pet_suv: np.ndarray
    pixel_mm: tuple[float, float]
    masks: dict[str, dict[int, np.ndarray]]
    agreement: dict[int, float] = field(default_factory=dict)
    kept: set[int] = field(default_factory=set)
    sides_known: bool = True


def label_masks(labels: np.ndarray) -> dict[int, np.ndarray]:
    """Mask of every label value above 0."""
    return {int(value): labels == value for value in np.unique(labels[labels > 0])}


def plot_panel(rows: list[PanelRow], organ_names: dict[int, str], title: str, path: Path) -> None:
    """Draw the rows one below the other, rejected organs dashed in the mixture, and write a PNG.

    Args:
        organ_names: name of every organ by label value.
        title: what is shown, such as fold and epoch.
    """
    with figure_style([*organ_names.values(), *(row.case for row in rows), title]):
        figure = _drawn(rows, organ_names, title)
        figure.savefig(path, format="png", dpi=DPI, facecolor=BACKGROUND)


def _drawn(rows: list[PanelRow], organ_names: dict[int, str], title: str) -> Figure:
    columns = [key for key in COLUMNS if key.endswith("_image") or any(key in row.masks for row in rows)]
    figure, grid = _layout(rows, len(columns))
    for row, axes in zip(rows, grid, strict=True):
        for key, panel in zip(columns, axes, strict=False):
            _draw_column(panel, row, key)
        _draw_verdicts(axes[-1], row, organ_names, two_teachers=row.masks.keys() >= {"ct", "pet"})
        case = wrapped(row.case, _inches(axes[0])[1], NAME_SIZE)
        axes[0].set_ylabel(case, color=FOREGROUND, size=NAME_SIZE, linespacing=1)
    for key, panel in zip(columns, grid[0], strict=False):
        panel.set_title(COLUMNS[key][0], color=FOREGROUND, size=COLUMN_SIZE, pad=4)
    grid[0][-1].set_title("agreement", color=FOREGROUND, size=COLUMN_SIZE, pad=4)
    title = fitted(title, figure.get_figwidth() - 2 * GAP_INCHES, TITLE_SIZE, "bold")
    place = GAP_INCHES / figure.get_figwidth(), 1 - GAP_INCHES / figure.get_figheight()
    figure.text(*place, title, color=FOREGROUND, size=TITLE_SIZE, weight="bold", va="top")
    return figure


def _layout(rows: list[PanelRow], n_images: int) -> tuple[Figure, list[list[Axes]]]:
    """Figure and, per row, the axes of its images, in true proportions, and of its verdicts."""
    height_mm, width_mm = zip(*(np.multiply(row.ct_hu.shape, row.pixel_mm) for row in rows), strict=True)
    images = [panel_inches(IMAGE_INCHES, size_mm) for size_mm in zip(height_mm, width_mm, strict=True)]
    texts = [max(LEAST_ROW_INCHES, LINE_INCHES * len(row.agreement)) for row in rows]
    heights = np.maximum(images, texts)
    images_width = CASE_INCHES + n_images * (IMAGE_INCHES + GAP_INCHES)
    width = images_width + NAME_INCHES + BAR_INCHES + VERDICT_INCHES
    height = TITLE_INCHES + sum(heights) + GAP_INCHES * len(rows)
    figure = Figure(figsize=(width, height))
    tops = height - TITLE_INCHES - np.cumsum([0, *(heights + GAP_INCHES)])[:-1]
    grid = []
    for top, image_height in zip(tops, heights, strict=True):
        places = [(CASE_INCHES + i * (IMAGE_INCHES + GAP_INCHES), IMAGE_INCHES) for i in range(n_images)]
        places.append((images_width + NAME_INCHES, BAR_INCHES))
        size = np.array([width, height] * 2)
        grid.append([figure.add_axes(np.array([x, top - image_height, w, image_height]) / size) for x, w in places])
    return figure, grid


def _draw_column(panel: Axes, row: PanelRow, key: str) -> None:
    is_ct = COLUMNS[key][1] == "ct"
    masks = {value: mask for value, mask in row.masks.get(key, {}).items() if mask.any()}
    view = View(row.ct_hu if is_ct else row.pet_suv, masks, row.pixel_mm)
    rejected = row.agreement.keys() - row.kept if key == "mixed" else ()
    window, colormap = (CT_WINDOW_HU, "gray") if is_ct else (PET_WINDOW_SUV, "gray_r")
    draw_marked_view(panel, view, window, colormap, CORONAL_SIDES if row.sides_known else "", dashed=rejected)
    panel.spines[:].set_visible(False)


def _draw_verdicts(axes: Axes, row: PanelRow, organ_names: dict[int, str], two_teachers: bool) -> None:
    """A bar per organ as long as the teachers agree on it, filled where it is kept."""
    n_places = max(len(row.agreement), 6)
    size = min(NAME_SIZE, 0.7 * 72 * _inches(axes)[1] / n_places)  # many organs in small letters
    for place, (value, agreement) in enumerate(row.agreement.items()):
        kept = value in row.kept
        color = organ_color(value)
        text = f"{agreement:.2f} {'kept' if kept else 'rejected'}" if two_teachers else "kept (one teacher)"
        if two_teachers:
            axes.barh(place, agreement, color=color if kept else "none", edgecolor=color, linewidth=1, height=0.6)
        name = fitted(organ_names[value], NAME_INCHES - 5 * GAP_INCHES, size)
        axes.plot(-0.09, place, "s", color=color, markersize=size / 2, clip_on=False)
        axes.text(-0.2, place, name, color=FOREGROUND, size=size, ha="right", va="center")
        axes.text(1.08, place, text, color=FOREGROUND if kept else FAINT, size=size, va="center")
    axes.set(xlim=(0, 1), ylim=(n_places - 0.5, -0.5), xticks=[], yticks=[], facecolor="none")
    axes.spines[:].set_visible(False)
    axes.spines["left"].set(visible=True, color=FAINT)


def _inches(axes: Axes) -> np.ndarray:
    """Width and height."""
    return axes.get_position().size * axes.figure.get_size_inches()
