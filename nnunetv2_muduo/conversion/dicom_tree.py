"""PET/CT cases in a tree of DICOM files: series paired by patient, study and frame of reference."""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from nnunetv2_muduo.conversion.cases import Case
from nnunetv2_muduo.conversion.dicom import DicomSeries, PetSeries, import_pydicom
from nnunetv2_muduo.conversion.dicom_seg import SegFile
from nnunetv2_muduo.parallel import map_jobs

DICOM_MODALITIES = ("CT", "PT", "SEG")
TAGS = (
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "PatientID",
    "Modality",
    "StudyDate",
    "StudyID",
    "StudyDescription",
    "SeriesDescription",
    "ImageType",
    "CorrectedImage",
)


@dataclass(frozen=True)
class Series:
    """One series found in the tree: tags of its first file, and all its files."""

    tags: dict
    files: tuple[Path, ...]

    def __getattr__(self, keyword: str):
        if keyword not in TAGS:
            raise AttributeError(keyword)
        return self.tags[keyword]

    def __str__(self) -> str:
        return f"{self.Modality} {self.SeriesDescription or 'without description'!r} in {self.files[0].parent}"

    @property
    def may_be_used(self) -> bool:
        """False for scouts, and for PET without attenuation correction."""
        if self.Modality == "PT":
            return not self.CorrectedImage or "ATTN" in self.CorrectedImage
        return "LOCALIZER" not in (self.ImageType or ())


@dataclass(frozen=True)
class Wanted:
    """Which series to take where a study has several; texts that their descriptions contain."""

    ct: str = ""
    pet: str = ""

    def takes(self, series: Series) -> bool:
        text = {"CT": self.ct, "PT": self.pet}.get(series.Modality, "")
        return series.may_be_used and text.lower() in (series.SeriesDescription or "").lower()


def find_dicom_cases(
    source: Path, wanted: Wanted | None = None, allow_bqml: bool = False, n_processes: int = 1
) -> list[Case]:
    """All PET series below `source`, each with its CT and its segmentation if there are any.

    Raises FileNotFoundError where there is no PET series, RuntimeError where pydicom is missing.
    """
    import_pydicom()
    wanted = wanted or Wanted()
    found, unread = read_tree(source, n_processes)
    series, strays = add_unread(group_series(found), unread)
    series = [one for one in series if one.Modality in DICOM_MODALITIES]
    studies = defaultdict(lambda: defaultdict(list))
    for one in filter(wanted.takes, series):
        studies[one.PatientID, one.StudyInstanceUID][one.FrameOfReferenceUID].append(one)
    cases = [case for frames in studies.values() for case in _cases_of_study(frames, allow_bqml)]
    if not cases:
        raise FileNotFoundError(
            f"No PET series below {source} ({len(found)} DICOM files, {len(series)} series, {len(unread)} files unreadable"
            + (f", such as {next(iter(unread.values()))})." if unread else ").")
        )
    cases += [Case(None, "", None, None, problem=why, name=str(p.relative_to(source))) for p, why in strays.items()]
    return sorted(cases, key=lambda case: (case.patient or "", case.study, case.name))


def read_tree(source: Path, n_processes: int) -> tuple[list[tuple[str, dict]], dict[Path, str]]:
    """(path, tags) of all DICOM files below a folder, and why others can't be read."""
    folders = [(folder,) for folder, _, files in os.walk(source, followlinks=True) if files]
    found, unread = [], {}
    for _, (headers, problems) in map_jobs(read_headers, folders, n_processes, "looking"):
        found += headers
        unread |= problems
    return found, unread


def read_headers(folder: str) -> tuple[list[tuple[str, dict]], dict[Path, str]]:
    """(path, tags) of the DICOM files that lie directly in a folder, and why others can't be read.

    Files that are no DICOM are passed over.
    """
    pydicom = import_pydicom()
    headers, unread = [], {}
    for path in sorted(Path(folder).iterdir()):
        try:
            dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
            if dataset.get("SeriesInstanceUID"):
                headers.append((str(path), {tag: _plain(dataset.get(tag)) for tag in TAGS}))
        except (pydicom.errors.InvalidDicomError, IsADirectoryError):
            continue
        except Exception as error:  # pydicom has no error of its own for damage; any may come, and none ends the search
            unread[path] = f"{path}: can't be read ({type(error).__name__}: {error})"
    return headers, unread


def _plain(value):
    if value is None or isinstance(value, str):
        return str(value or "")
    return tuple(map(str, value)) if isinstance(value, Iterable) else str(value)


def group_series(headers: list[tuple[str, dict]]) -> list[Series]:
    """Series of the given files; a file that is there twice counts once."""
    files: dict[str, dict[str, str]] = defaultdict(dict)
    tags: dict[str, dict] = {}
    for path, header in sorted(headers):
        tags.setdefault(header["SeriesInstanceUID"], header)
        files[header["SeriesInstanceUID"]].setdefault(header["SOPInstanceUID"], path)
    return [Series(tags[uid], tuple(map(Path, paths.values()))) for uid, paths in files.items()]


def add_unread(series: list[Series], unread: dict[Path, str]) -> tuple[list[Series], dict[Path, str]]:
    """Files that can't be read, added to the only series in their folder, which is then refused; and the other ones.

    Without them, a series that lacks its last slice would look like a whole one.
    """
    beside = defaultdict(list)
    for number, one in enumerate(series):
        for folder in {path.parent for path in one.files}:
            beside[folder].append(number)
    series, strays = list(series), {}
    for path, why in unread.items():
        if len(beside[path.parent]) == 1:
            number = beside[path.parent][0]
            series[number] = replace(series[number], files=(*series[number].files, path))
        else:
            strays[path] = why
    return series, strays


def _cases_of_study(frames: dict[str, list[Series]], allow_bqml: bool) -> list[Case]:
    """One case per PET of a study; where PETs have frames of reference of their own, the series tells them apart."""
    cases = []
    n_frames_with_pet = sum(any(one.Modality == "PT" for one in series) for series in frames.values())
    for series in frames.values():
        by_modality = {modality: [one for one in series if one.Modality == modality] for modality in DICOM_MODALITIES}
        for pet in by_modality["PT"]:
            suffix = f"/{pet.SeriesInstanceUID[-5:]}" if n_frames_with_pet > 1 else ""
            cases.append(_case(pet, study_name(pet) + suffix, by_modality, allow_bqml))
    return cases


def _case(pet: Series, study: str, by_modality: dict[str, list[Series]], allow_bqml: bool) -> Case:
    cts, segmentations = by_modality["CT"], by_modality["SEG"]
    return Case(
        patient=pet.PatientID,
        study=study,
        ct=DicomSeries(cts[0].files) if cts else None,
        pet=PetSeries(pet.files, allow_bqml),
        label=SegFile(segmentations[0].files[0]) if segmentations else None,
        ct_may_be_resampled=True,
        problem=_problem(pet, by_modality),
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
        return f"{pet}: a PET without its CT (none in this study has its frame of reference)"
    for modality, option in (("PT", "--pet-description"), ("CT", "--ct-description")):
        if len(by_modality[modality]) > 1:
            several = "; ".join(map(str, by_modality[modality]))
            return f"{len(by_modality[modality])} {modality} series for one case, choose by {option} TEXT: {several}"
    if len(by_modality["SEG"]) > 1 or any(len(one.files) > 1 for one in by_modality["SEG"]):
        return "several segmentations for one case: " + "; ".join(map(str, by_modality["SEG"]))
    return ""
