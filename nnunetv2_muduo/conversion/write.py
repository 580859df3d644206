"""Writer of one case into nnU-Net's folders: a file is either there and complete, or not there at all."""

import shutil
from pathlib import Path

from nnunetv2_muduo.conversion.cases import Case
from nnunetv2_muduo.conversion.partial_files import partial_file
from nnunetv2_muduo.conversion.split import LABELED, TEST, UNLABELED, VAL
from nnunetv2_muduo.imageio.refusal import CaseRefused
from nnunetv2_muduo.storage import replacing

IMAGE_FOLDERS = {LABELED: "imagesTr", VAL: "imagesTr", TEST: "imagesTs", UNLABELED: "imagesUn"}
LABEL_FOLDERS = {LABELED: "labelsTr", VAL: "labelsTr", TEST: "labelsTs"}


def output_files(case_id: str, set_name: str) -> dict[str, str]:
    """Files of a case relative to the dataset's folder, by role (ct, pet, label)."""
    images = IMAGE_FOLDERS[set_name]
    files = {"ct": f"{images}/{case_id}_0000.nii.gz", "pet": f"{images}/{case_id}_0001.nii.gz"}
    if set_name in LABEL_FOLDERS:
        files["label"] = f"{LABEL_FOLDERS[set_name]}/{case_id}.nii.gz"
    return files


def write_case(case: Case, findings: dict, set_name: str, value_map: dict[int, int], dataset: Path, link: bool) -> dict:
    """Write images and, for labeled sets, the label map. Returns {} or {"problem": text}; raises OSError (disk full)."""
    files = output_files(case.case_id, set_name)
    try:
        for role, relative in files.items():
            (dataset / relative).parent.mkdir(parents=True, exist_ok=True)
            with replacing(dataset / relative, partial_file(dataset, relative)) as path:
                _write(case, findings, role, value_map, path, link)
    except CaseRefused as error:
        for relative in files.values():
            (dataset / relative).unlink(missing_ok=True)
        return {"problem": str(error)}
    return {}


def needs_no_rewriting(case: Case, findings: dict, set_name: str, value_map: dict[int, int]) -> bool:
    """True where all of a case's own files can be linked or copied."""
    return all(_stands(case, findings, role, value_map) for role in output_files(case.case_id, set_name))


def _stands(case: Case, findings: dict, role: str, value_map: dict[int, int]) -> bool:
    from nnunetv2_muduo.conversion.case_check import AS_IS

    if case.original:  # a copy would keep what else the file says: its header's texts, its own name
        return False
    keeps_values = all(value_map[int(value)] == int(value) for value in findings.get("labels", {}))
    unchanged = findings["changes"].get(role, AS_IS) == AS_IS and (role != "label" or keeps_values)
    return unchanged and getattr(case, role).can_stand_as_it_is


def _write(case: Case, findings: dict, role: str, value_map: dict[int, int], path: Path, link: bool) -> None:
    source = getattr(case, role)
    if not _stands(case, findings, role, value_map):
        _write_changed(case, role, value_map, path)
    elif link:
        path.symlink_to(source.path.resolve())
    else:
        shutil.copyfile(source.path, path)


def _write_changed(case: Case, role: str, value_map: dict[int, int], path: Path) -> None:
    import SimpleITK as sitk

    from nnunetv2_muduo.conversion.label_grid import put_labels_on_grid
    from nnunetv2_muduo.imageio.grid import put_on_grid
    from nnunetv2_muduo.imageio.images import whole_numbers
    from nnunetv2_muduo.imageio.modalities import MODALITIES
    from nnunetv2_muduo.imageio.write import write_nifti

    image = getattr(case, role).read()
    if role == "ct":
        image = put_on_grid(image, case.pet.read(), sitk.sitkLinear, MODALITIES["ct"].outside)
    elif role == "label":
        image = put_labels_on_grid(whole_numbers(image, case.label), case.pet.read())
        image = sitk.Cast(sitk.ChangeLabel(image, changeMap={k: v for k, v in value_map.items() if k}), sitk.sitkUInt8)
    if case.original:
        for key in image.GetMetaDataKeys():
            image.EraseMetaData(key)
    write_nifti(image, path)
