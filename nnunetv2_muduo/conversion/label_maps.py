"""Label maps that belong to cases, found in a folder, a zip archive, or a tree in the source's own layout."""

import dataclasses
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nnunetv2_muduo.conversion.cases import Case, match_key, safe_name, split_autopet_name
from nnunetv2_muduo.conversion.folders import walk
from nnunetv2_muduo.conversion.label_names import find_names_file
from nnunetv2_muduo.conversion.layouts import any_other_format, patient_and_study, walk_studies
from nnunetv2_muduo.imageio.image_files import is_of_macos
from nnunetv2_muduo.imageio.nifti import NiftiFile, ZipMember, is_nifti, nifti_stem
from nnunetv2_muduo.tables import markdown_text


@dataclass(frozen=True)
class LabelMaps:
    """Label maps by the key of the case they belong to (see cases.match_key), and what is known of their names."""

    by_key: dict
    file_stems: list[str]
    names_file: Path | None
    problems: dict[str, str]

    def remarks(self, cases: list[Case]) -> tuple[str, ...]:
        """What to say where maps found no case."""
        lonely = sorted(self.by_key.keys() - {case.match_key for case in cases})
        if not lonely:
            return ()
        one = markdown_text(self.by_key[lonely[0]])
        return (f"{len(lonely)} of {len(self.by_key)} label maps belong to no PET/CT here, e.g. {one}.",)


def find_label_maps(place: Path) -> LabelMaps:
    """Label maps of a zip archive, of a tree of SEG.nii.gz, of nnU-Net's labelsTr, or of a folder of maps.

    Raises FileNotFoundError where there are none.
    """
    if place.is_file() and place.suffix.lower() == ".zip":
        maps = [(nifti_stem(PurePosixPath(name).name), ZipMember(place, name)) for name in _zip_names(place)]
        names_file = place.with_name("labels.json")
        return _flat_maps(place, maps, names_file if names_file.is_file() else None)
    if not place.is_dir():
        raise FileNotFoundError(f"--labels {place}: no such folder or zip archive")
    tree = list(walk_studies(place, ("SEG",)))
    if tree:
        paths = {match_key(*patient_and_study(folder, place)): files["SEG"] for folder, files in tree}
        several = {key: _two_maps(*found[:2]) for key, found in paths.items() if len(found) > 1}
        keyed = {key: NiftiFile(found[0]) for key, found in paths.items()}
        return LabelMaps(keyed, [], find_names_file(place), several)
    folder = place / "labelsTr" if (place / "labelsTr").is_dir() else place
    paths = sorted(path for _, files in walk(folder) for path in files if is_nifti(path.name))
    return _flat_maps(folder, [(nifti_stem(path.name), NiftiFile(path)) for path in paths], find_names_file(folder))


def _zip_names(archive: Path) -> list[str]:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"--labels {archive}: not a zip archive, or truncated ({error}). Download it again."
        ) from error
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or stat.S_ISLNK(member.external_attr >> 16):
            raise ValueError(
                f"--labels {archive}: {member.filename} is a link or leads out of the archive. Don't trust it."
            )
    names = [member.filename for member in members]
    return sorted(n for n in names if is_nifti(n) and not any(map(is_of_macos, PurePosixPath(n).parts)))


def _flat_maps(place: Path, maps: list[tuple[str, object]], names_file: Path | None) -> LabelMaps:
    if not maps:
        raise FileNotFoundError(f"--labels {place}: no .nii.gz label maps in it. {any_other_format(place)}".rstrip())
    by_key: dict[str, object] = {}
    problems: dict[str, str] = {}
    for stem, source in maps:
        autopet_name = split_autopet_name(stem)
        key = match_key(*autopet_name) if autopet_name else safe_name(stem)
        if key in by_key:
            problems[key] = _two_maps(by_key[key], source)
        by_key[key] = source
    return LabelMaps(by_key, [stem for stem, _ in maps], names_file, problems)


def _two_maps(one, other) -> str:
    return f"two label maps for one case: {one} and {other}. Leave the right one alone there."


def attach_labels(cases: list[Case], maps: LabelMaps) -> list[Case]:
    """The cases with the labels of `maps` in place of their own; a case that has none there is unlabeled."""
    return [
        dataclasses.replace(
            case,
            label=maps.by_key.get(case.match_key),
            problem=case.problem or maps.problems.get(case.match_key, ""),
        )
        for case in cases
    ]
