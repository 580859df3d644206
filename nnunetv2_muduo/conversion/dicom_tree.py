"""PET/CT cases in a tree of DICOM files: series paired by patient, study and frame of reference."""

from collections import defaultdict
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

from nnunetv2_muduo.conversion.cases import Case
from nnunetv2_muduo.conversion.dicom import DicomSeries, PetSeries, import_pydicom
from nnunetv2_muduo.conversion.dicom_headers import add_unread, read_tree
from nnunetv2_muduo.conversion.dicom_labels import Labels, Pair, labels_of
from nnunetv2_muduo.conversion.dicom_series import FEWEST_SLICES, Series, group_series
from nnunetv2_muduo.conversion.label_names import wanted_names

DICOM_MODALITIES = ("CT", "PT")


@dataclass(frozen=True)
class Wanted:
    """Which series to take where a study has several."""

    ct: str = ""
    pet: str = ""
    """Their whole description, a pattern of it with * and ?, or a text in it, in this order; case doesn't matter."""
    ignore_frame_of_reference: bool = False
    """Whether the only CT of a study belongs to its PET even where their frames of reference differ."""

    def choose(self, series: list[Series]) -> list[Series]:
        """The series of one study that may be used."""
        return [
            one
            for modality in DICOM_MODALITIES
            for one in _described([s for s in series if s.Modality == modality and s.may_be_used], self._text(modality))
        ]

    def _text(self, modality: str) -> str:
        return {"CT": self.ct, "PT": self.pet}.get(modality, "").casefold()


def _described(series: list[Series], text: str) -> list[Series]:
    """The series whose description is the text; where none is, those that match it as a pattern or hold it."""
    descriptions = [(one.SeriesDescription or "").strip().casefold() for one in series]
    exact = [one for one, description in zip(series, descriptions, strict=True) if description == text]
    if text and exact:
        return exact
    pattern = text if "*" in text or "?" in text else f"*{text}*"
    return [one for one, description in zip(series, descriptions, strict=True) if fnmatch(description, pattern)]


def find_dicom_cases(
    source: Path, wanted: Wanted | None = None, allow_bqml: bool = False, n_processes: int = 1, own_labels: bool = True
) -> list[Case]:
    """All PET series below `source`, each with its CT if there is one.

    Args:
        own_labels: whether segmentations and RTSTRUCTs in the source are the labels; if not, they are passed over.

    Raises FileNotFoundError where there is no PET series, RuntimeError where pydicom is missing.
    """
    import_pydicom()
    wanted = wanted or Wanted()
    found, unread = read_tree(source, n_processes)
    series, strays = add_unread(group_series(found), unread)
    studies = defaultdict(list)
    for one in series:
        studies[one.PatientID, one.StudyInstanceUID].append(one)
    pairs = [pair for of_study in studies.values() for pair in _cases_of_study(of_study, wanted, allow_bqml)]
    if not pairs:
        raise FileNotFoundError(
            f"No PET series below {source} ({len(found)} DICOM files, {len(series)} series, {len(unread)} files unreadable"
            + (f", such as {next(iter(unread.values()))})." if unread else ").")
        )
    cases = [case for _, case in pairs]
    if own_labels:
        series_of_image = {header["SOPInstanceUID"]: header["SeriesInstanceUID"] for _, header in found}
        labels = labels_of([pair for pair, _ in pairs], series, series_of_image, wanted_names(source))
        cases = [_with_label(case, pair.pet.SeriesInstanceUID, labels) for pair, case in pairs]
        strays |= labels.strays
    cases += [Case(None, "", None, None, problem=why, name=str(p.relative_to(source))) for p, why in strays.items()]
    return sorted(cases, key=lambda case: (case.patient or "", case.study, case.name))


def without_pages(series: list[Series]) -> list[Series]:
    """The series of one study without those that are a few pages, where there is one of the same modality that is a volume."""
    volumes = {one.Modality for one in series if not _is_pages(one)}
    return [one for one in series if not _is_pages(one) or one.Modality not in volumes]


def _is_pages(series: Series) -> bool:
    return series.Modality in ("CT", "PT") and (len(series.files) < FEWEST_SLICES or not series.ImagePositionPatient)


def _with_label(case: Case, pet_uid: str, labels: Labels) -> Case:
    problem = case.problem or labels.problems.get(pet_uid, "")
    return replace(case, label=labels.by_pet.get(pet_uid), problem=problem)


def _cases_of_study(series: list[Series], wanted: Wanted, allow_bqml: bool) -> list[tuple[Pair, Case]]:
    """One case per PET of a study; where PETs have frames of reference of their own, the series tells them apart."""
    series = wanted.choose(without_pages(series))
    frames = defaultdict(list)
    for one in series:
        frames[one.FrameOfReferenceUID].append(one)
    pets = [one for one in series if one.Modality == "PT"]
    several = len({pet.FrameOfReferenceUID for pet in pets}) > 1
    cts = [one for one in series if one.Modality == "CT"]
    cases = []
    for pet in pets:
        beside, remark = frames[pet.FrameOfReferenceUID], ""
        if wanted.ignore_frame_of_reference and len(cts) == 1 and cts[0] not in beside:
            beside, remark = (
                [*beside, *cts],
                "CT and PET have different frames of reference (--ignore-frame-of-reference)",
            )
        by_modality = {modality: [one for one in beside if one.Modality == modality] for modality in DICOM_MODALITIES}
        suffix = f"/{pet.SeriesInstanceUID[-5:]}" if several else ""
        case = _case(pet, study_name(pet) + suffix, by_modality, allow_bqml, remark)
        cases.append((Pair(pet, tuple(by_modality["CT"])), case))
    return cases


def _case(pet: Series, study: str, by_modality: dict[str, list[Series]], allow_bqml: bool, remark: str) -> Case:
    cts = by_modality["CT"]
    aside = [f"{one.n_left_aside} pages of {one} are no slices of it" for one in (pet, *cts) if one.n_left_aside]
    return Case(
        patient=pet.PatientID,
        study=study,
        ct=DicomSeries(cts[0].files) if cts else None,
        pet=PetSeries(pet.files, allow_bqml),
        ct_may_be_resampled=True,
        problem=_problem(pet, by_modality),
        remark="; ".join(filter(None, (remark, *aside))),
    )


def study_name(series: Series) -> str:
    """Name of a study as TCIA's download tool gives it to folders, which AutoPET's NIfTI files took over."""
    date = series.StudyDate
    parts = (f"{date[4:6]}-{date[6:8]}-{date[:4]}", series.StudyID or "NA", series.StudyDescription or "NA")
    return "-".join((*parts, series.StudyInstanceUID[-5:]))


def _problem(pet: Series, by_modality: dict[str, list[Series]]) -> str:
    if not pet.PatientID:
        return f"{pet}: PatientID (0010,0020) is missing, so patients can't be kept apart"
    if not pet.FrameOfReferenceUID:
        return f"{pet}: FrameOfReferenceUID (0020,0052) is missing, so no CT can be paired with it"
    if not by_modality["CT"]:
        return (
            f"{pet}: a PET without its CT (none in this study has its frame of reference; --ignore-frame-of-reference takes "
            "the only CT of the study)"
        )
    for modality, option in (("PT", "--pet-description"), ("CT", "--ct-description")):
        if len(by_modality[modality]) > 1:
            several = "; ".join(map(str, by_modality[modality]))
            return f"{len(by_modality[modality])} {modality} series for one case, choose by {option} TEXT: {several}"
    unreadable = [one.problem for one in (pet, *by_modality["CT"]) if one.problem]
    return "; ".join(dict.fromkeys(unreadable))
