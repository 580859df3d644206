"""Model card of the package's small teachers, from their figures."""

import json
from pathlib import Path

from benchmarks.small_teachers.evaluation_table import Figures, by_organ, tables_of
from nnunetv2_muduo.storage import write_json

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
* Training: `python -m benchmarks.small_teachers.train_small_teachers --minutes N --cohort FOLDER -o OUT`, stages as listed below.
  A linear layer learns every voxel's organ from the encoder's embeddings, beside SAM-Med3D's recipe as `muduo teacher train`
  follows it. Stages that say no number of rounds had one alone, of up to three points at once, half of them in the maps of young
  students (`benchmarks/small_teachers/young_students.py`), and one more with such a map as mask: the networks had never seen an
  answer of their own, nor a negative click, and further clicks made them worse. Later stages have chains of rounds that begin
  with points or such a map, with one to three clicks at once that add up, by users of three kinds, true masks, and organs that
  aren't there.
* License: Apache-2.0, as the code. The organ maps are MIC-DKFZ's, Apache-2.0.

Patients are in three groups: 85 % to learn from, half of the others to choose the best moment of a stage on, half to report on.
Organs cut off by the crop's border count as well. Rows and columns are what the teacher was given: clicks correct its own answer
before, points at once and masks are all that it had. A student-like mask itself, without a teacher, stands beside the answer to
it: what lies between them is the teacher's doing.
"""


def write_card(folder: Path) -> None:
    """MODEL_CARD.md in a folder of teachers, from their figures {ct,pet}.json as far as they are there."""
    parts = [CARD_HEAD]
    for modality in ("ct", "pet"):
        figures = folder / f"{modality}.json"
        if figures.is_file():
            parts.append(card_section(modality, json.loads(figures.read_text())))
    (folder / "MODEL_CARD.md").write_text("\n".join(parts), encoding="utf-8")


def add_evaluation(results: dict[str, dict[str, Figures]], modality: str, folder: Path) -> None:
    """Put an evaluation into the figures of a teacher in a folder, and write the card anew."""
    path = folder / f"{modality}.json"
    write_json({**json.loads(path.read_text()), "evaluation": _rounded(results)}, path)
    write_card(folder)


def card_section(modality: str, figures: dict) -> str:
    """Dice of one teacher as Markdown: of the evaluation, before one of the patients that chose the moment."""
    best, parts = figures["best"], [f"## {modality.upper()}", "Trained in this order:"]
    parts.append("\n".join(f"{number}. {stage}" for number, stage in enumerate(figures["stages"], start=1)))
    for group, teachers in figures.get("evaluation", {}).items():
        parts += [f"### {modality.upper()}: {group}", *tables_of(teachers)]
    if "evaluation" not in figures:
        parts += [
            f"Not evaluated yet; on the patients that chose, after {best['iteration']} iterations of the last stage:"
        ]
        parts += by_organ(best["dice"])
    return "\n\n".join(parts) + "\n"


def _rounded(figures):
    return {key: _rounded(value) for key, value in figures.items()} if isinstance(figures, dict) else round(figures, 3)
