"""Model card of the package's small teachers, from their figures."""

import json
from pathlib import Path

import numpy as np

from nnunetv2_muduo.tables import markdown_row
from nnunetv2_muduo.teacher_training.report import dice_table

CARD_HEAD = """\
# Small teachers

Two promptable networks of SAM-Med3D's architecture for patches of 24^3 voxels of 10 to 12 mm, for this package's demo, tests and
study. **They have seen synthetic images alone and are not for real ones.**

* Architecture: `SMALL_CONFIG` in `nnunetv2_muduo/teachers/small.py`; weights in half precision.
* Data: phantoms (`muduo phantom`), and a cohort synthesized from organ maps of AutoPET patients (`muduo phantom --from-labels`;
  `benchmarks/small_teachers/label_cohorts.py` chooses them). Patients are others than the demo's and the study's. Scanners are
  drawn from wider or noisier ranges, which overlap with theirs: for the cohort CT noise 12 to 26 HU (study: 8 to 18), CT
  resolution 3 to 5.5 mm (2.5 to 4), PET noise 0.1 to 0.2 (0.06 to 0.14), PET resolution 4.5 to 8.5 mm (5 to 7), contrast
  medium in half of the studies (three quarters); for phantoms `MANY_SCANNERS`, which contains the demo's.
* Training: `python -m benchmarks.small_teachers.train_small_teachers --minutes N --cohort FOLDER --init FOLDER -o OUT`,
  stages as listed below.
  A linear layer learns every voxel's organ from the encoder's embeddings, at first alone; then SAM-Med3D's recipe as
  `muduo teacher train` follows it, but with one round alone, of up to three points at once, half of them in the maps of young
  students (`benchmarks/small_teachers/young_students.py`), and one more with such a map as mask.
* License: Apache-2.0, as the code. The organ maps are MIC-DKFZ's, Apache-2.0.

The figures are from the 15 % of the patients that were held out, on which the best moment of the training was chosen too: they
are a little too good. Organs cut off by the crop's border count as well. Columns are
what the teacher was given: clicks correct its own answer before, points at once and masks are all that it had. The last column
is the student-like mask itself, without a teacher: what lies between it and the column before is the teacher's doing.
"""


def write_card(folder: Path) -> None:
    """MODEL_CARD.md in a folder of teachers, from their figures {ct,pet}.json as far as they are there."""
    parts = [CARD_HEAD]
    for modality in ("ct", "pet"):
        figures = folder / f"{modality}.json"
        if figures.is_file():
            parts.append(card_section(modality, json.loads(figures.read_text())))
    (folder / "MODEL_CARD.md").write_text("\n".join(parts), encoding="utf-8")


def card_section(modality: str, figures: dict) -> str:
    """Held-out Dice of one teacher as Markdown."""
    best = figures["best"]
    table = dice_table(best["dice"])
    lines = [markdown_row(["organ", *table.columns]), "|---|" + "---|" * len(table.columns)]
    for organ, row in table.iterrows():
        lines.append(markdown_row([organ, *("" if np.isnan(dice) else f"{dice:.2f}" for dice in row)]))
    heading = f"## {modality.upper()}: Dice on held-out patients after {best['iteration']} iterations"
    stages = ["Trained in this order; the iterations above are the last stage's:", ""]
    stages += [f"{number}. {stage}" for number, stage in enumerate(figures["stages"], start=1)]
    return "\n".join([heading, "", *stages, "", *lines, ""])
