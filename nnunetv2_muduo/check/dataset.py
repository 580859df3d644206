"""Checks of a raw dataset's lists: cases per set, split, patients, label names."""

from collections.abc import Collection, Mapping
from itertools import combinations
from pathlib import Path

from nnunetv2_muduo.check.findings import Finding, finding, first
from nnunetv2_muduo.check.guard import guarded
from nnunetv2_muduo.check.needs import Needs
from nnunetv2_muduo.check.raw_dataset import FOLDERS_CHECKED, RawDataset
from nnunetv2_muduo.conversion.split import LABELED
from nnunetv2_muduo.data.raw_images import without_raw_files
from nnunetv2_muduo.data.splits import cases_in_no_fold, new_splits, why_no_fold
from nnunetv2_muduo.imageio.image_files import explain_names
from nnunetv2_muduo.imageio.modalities import modality_of


def check_lists(dataset: RawDataset, needs: Needs) -> list[Finding]:
    """Findings that need file names only."""
    return [
        *guarded("channels", check_channels, dataset, needs),
        *guarded("cases", check_cases, dataset, needs),
        *guarded("files", check_files, dataset),
        *guarded("split", check_split, dataset),
        *guarded("doubles", check_doubles, dataset),
        *guarded("patients", check_patients, dataset),
    ]


def check_channels(dataset: RawDataset, needs: Needs) -> Finding:
    """For teachers channel 0 must be CT and channel 1 PET, and only CT may be named so: the name decides the normalization."""
    names = dataset.json.get("channel_names", {})
    modalities = [modality and modality.key for modality in map(modality_of, (names[c] for c in sorted(names)))]
    right = modalities == ["ct", "pet"] or not needs.ct_and_pet
    return finding("channels", str(names), problem="" if right else '{"0": "CT", "1": "PET"} is needed in dataset.json')


def check_cases(dataset: RawDataset, needs: Needs) -> Finding:
    """There must be labeled cases, and unlabeled ones for a method that learns from them."""
    counts = ", ".join(f"{len(cases)} {name}" for name, cases in dataset.sets.items())
    if not dataset.sets["labeled"]:
        return finding("cases", counts, problem="no labeled case")
    n_said, n_found = dataset.json.get("numTraining"), len(dataset.images["labeled"])
    if n_said != n_found:
        where = "its field dataset lists" if dataset.lies_elsewhere else "imagesTr holds"
        return finding("cases", counts, problem=f"dataset.json says {n_said} cases, {where} {n_found}")
    if not needs.unlabeled or dataset.sets["unlabeled"]:
        return finding("cases", counts)
    if prepared := dataset.prepared_unlabeled:
        return finding("cases", counts, warning=without_raw_files(dataset.folder, len(prepared)))
    return finding("cases", counts, problem="imagesUn is empty: nothing to be taught on")


def check_files(dataset: RawDataset) -> Finding:
    """Every case needs all channels, and a label map where it has to have one."""
    cases = [(name, case, files) for name, cases in dataset.images.items() for case, files in cases.items()]
    missing = [path for case in cases for path in _missing_files(dataset, *case)]
    broken = [str(path) for *_, files in cases for path in files if not path.exists() and str(path) not in missing]
    odd = dataset.odd_names
    problem = explain_names(odd, dataset.ending, dataset.channels) if odd else ""
    problem = problem or (f"{len(missing)} missing: {first(missing)}" if missing else "")
    problem = problem or (f"{len(broken)} links lead nowhere: {first(broken)}" if broken else "")
    found = f"{len(dataset.channels)} channel(s) per case, label maps" if not problem else ""
    return finding("files", found, problem=problem, warning=_warn_of_macos(dataset))


def _missing_files(dataset: RawDataset, set_name: str, case: str, files: list[Path]) -> list[str]:
    label, n_channels = dataset.label_file(set_name, case), len(dataset.channels)
    missing = [str(label)] if label and set_name == LABELED and not label.is_file() else []
    if set_name == LABELED and dataset.lies_elsewhere:
        one_each = [] if len(files) == n_channels else [f"{n_channels} images of {case} in the field dataset"]
        return missing + one_each + [str(path) for path in files if not path.exists()]
    folder = dataset.folder / FOLDERS_CHECKED[set_name]
    expected = [folder / f"{case}_{channel:04d}{dataset.ending}" for channel in range(n_channels)]
    return [str(path) for path in expected if path not in files] + missing


def _warn_of_macos(dataset: RawDataset) -> str:
    names = [path.name for path in dataset.of_macos]
    remove = f"remove them: find {dataset.folder} -name '._*' -delete"
    return f"nnU-Net takes {len(names)} files of macOS for cases ({first(names)}), {remove}" if names else ""


def check_split(dataset: RawDataset) -> Finding:
    """Without a split for the fold, nnU-Net draws cases of its own."""
    labeled = sorted(dataset.images["labeled"])
    if dataset.split is None:
        reason = why_no_fold(dataset.fold, dataset.splits or new_splits(labeled)[0]) if labeled else ""
        return finding("split", "", problem=reason or "", warning="no splits_final.json yet: nnU-Net will draw it")
    train, val = set(dataset.split["train"]), set(dataset.split["val"])
    unknown = (train | val) - dataset.images["labeled"].keys()
    found = f"fold {dataset.fold}: {len(train)} train, {len(val)} val"
    if unknown or not val or not train:
        empty = "no train case" if val else "no val case"
        return finding("split", found, problem=f"cases not in imagesTr: {first(unknown)}" if unknown else empty)
    both = (
        f"{len(train & val)} cases are in both ({first(train & val)}), so what validation says is leakage"
        if train & val
        else ""
    )
    unused = cases_in_no_fold(labeled, dataset.splits) if dataset.fold != "all" else []
    late = f"{len(unused)} labeled cases are in no fold: {first(unused)}; add them to splits_final.json, or remove it"
    return finding("split", found, warning="; ".join(filter(None, (both, late if unused else ""))))


def check_doubles(dataset: RawDataset) -> Finding:
    """No case may be in two folders of images, nor in training and validation, except where these are the same."""
    folders = {folder: dataset.images[name] for name, folder in FOLDERS_CHECKED.items()}
    split = {name: cases for name, cases in separate_sets(dataset).items() if name in ("labeled", "val")}
    shared = _shared(folders) + _shared(split)
    return finding("doubles", "" if shared else "no case in two sets", problem="; ".join(shared))


def check_patients(dataset: RawDataset) -> Finding:
    """No patient may be in two sets, as far as patients are known."""
    sets, known = separate_sets(dataset), dataset.patients
    patients = {name: {known[case] for case in cases if case in known} for name, cases in sets.items()}
    unknown = set().union(*sets.values()) - known.keys()
    counts = ", ".join(f"{len(found)} {name}" for name, found in patients.items()) if known else ""
    shared = _shared(patients)
    blind = f"of {len(unknown)} cases unknown ({first(unknown)}), so leakage can't be excluded" if unknown else ""
    if not shared and not blind:
        counts += ", in one set each"
    return finding(
        "patients", counts, problem="; ".join(filter(None, [*shared, blind])) if shared else "", warning=blind
    )


def separate_sets(dataset: RawDataset) -> dict[str, set[str]]:
    """The sets, without a val that is labeled itself: that is left to the split's finding."""
    return {name: cases for name, cases in dataset.sets.items() if name != "val" or cases != dataset.sets["labeled"]}


def _shared(members: Mapping[str, Collection[str]]) -> list[str]:
    pairs = ((a, b, set(members[a]) & set(members[b])) for a, b in combinations(members, 2))
    return [f"{a} and {b} share {len(both)}: {first(both)}" for a, b, both in pairs if both]
