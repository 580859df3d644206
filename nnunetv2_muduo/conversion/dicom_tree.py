"""PET/CT cases in a tree of DICOM files: series paired by patient, study and frame of reference."""

from collections import defaultdict
from pathlib import Path

from nnunetv2_muduo.conversion.cases import Case
from nnunetv2_muduo.conversion.dicom import DicomSeries, PetSeries
from nnunetv2_muduo.conversion.dicom_headers import read_tree
from nnunetv2_muduo.conversion.dicom_labels import Labels, labels_of
from nnunetv2_muduo.conversion.dicom_pairs import Pair, Wanted, pairs_of_study
from nnunetv2_muduo.conversion.dicom_series import Series, group_series
from nnunetv2_muduo.conversion.dicom_tags import import_pydicom
from nnunetv2_muduo.conversion.dicom_unread import add_unread
from nnunetv2_muduo.conversion.named_labels import wanted_labels


def find_dicom_cases(
    source: Path, wanted: Wanted | None = None, allow_bqml: bool = False, n_processes: int = 1, own_labels: bool = True
) -> list[Case]:
    """All PET series below `source`, each with its CT if there is one.

    Args:
        own_labels: whether segmentations and RTSTRUCTs in the source are the labels; if not, they are passed over.

    Raises FileNotFoundError where there is no such folder or no PET series in it, RuntimeError where pydicom is missing.
    """
    import_pydicom()
    if not source.is_dir():
        raise FileNotFoundError(f"No folder {source}. Give the folder that holds the DICOM files.")
    wanted = wanted or Wanted()
    found, unread = read_tree(source, n_processes)
    series, strays = add_unread(group_series(found), unread)
    studies = defaultdict(list)
    for one in series:
        studies[one.PatientID, one.StudyInstanceUID].append(one)
    pairs = [pair for of_study in studies.values() for pair in pairs_of_study(of_study, wanted)]
    if not pairs:
        described = f" that --pet-description {wanted.pet!r} describes" if wanted.pet else ""
        others = [*strays.values(), *map(str, unread.values())]
        raise FileNotFoundError(
            f"No PET series{described} below {source} ({len(found)} DICOM files, {len(series)} series, {len(unread)} other "
            f"files" + (f", such as {others[0]})." if others else ").")
        )
    labels = Labels()
    if own_labels:
        series_of_image = {header["SOPInstanceUID"]: header["SeriesInstanceUID"] for _, header in found}
        labels = labels_of(pairs, series, series_of_image, wanted_labels(source))
    cases = [_case(pair, labels, allow_bqml) for pair in pairs]
    strays |= labels.strays
    cases += [Case(None, "", None, None, problem=why, name=str(p.relative_to(source))) for p, why in strays.items()]
    return sorted(cases, key=lambda case: (case.patient or "", case.study, case.name))


def _case(pair: Pair, labels: Labels, allow_bqml: bool) -> Case:
    pet = pair.pet
    return Case(
        patient=pet.PatientID,
        study=study_name(pet) + ("" if pair.is_named_by_study else f"/{pet.SeriesInstanceUID[-5:]}"),
        ct=DicomSeries(pair.cts[0].files) if pair.cts else None,
        pet=PetSeries(pet.files, allow_bqml),
        label=labels.by_pet.get(pet.SeriesInstanceUID),
        ct_may_be_resampled=True,
        problem=pair.problem or labels.problems.get(pet.SeriesInstanceUID, ""),
        remark=pair.remark,
        person=pet.tags.get("PatientName", ""),
    )


def study_name(series: Series) -> str:
    """Name of a study as TCIA's download tool gives it to folders, which AutoPET's NIfTI files took over."""
    date = series.StudyDate
    parts = (f"{date[4:6]}-{date[6:8]}-{date[:4]}", series.StudyID or "NA", series.StudyDescription or "NA")
    return "-".join((*parts, series.StudyInstanceUID[-5:]))
