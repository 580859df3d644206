"""Generated PET/CT trees with small images, and a fixture that runs `muduo convert` on them."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2_muduo import cli

sys.path.append(str(Path(__file__).parent))  # for dicom_writer

SIZE_XYZ = (12, 11, 10)
SPACING_MM = (4.0, 4.0, 5.0)
ORIGIN_MM = (-30.0, 20.0, -100.0)
AUTOPET_DIRECTION = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)


def image_of(array_zyx, like=None, spacing=SPACING_MM, origin=ORIGIN_MM, direction=AUTOPET_DIRECTION):
    image = sitk.GetImageFromArray(array_zyx)
    if like is not None:
        image.CopyInformation(like)
        return image
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(direction)
    return image


def random_study(seed: int, size_xyz=SIZE_XYZ, label_values=(1,), **grid) -> dict[str, sitk.Image]:
    """CT in HU, PET in SUV and a label map of one study, all on one grid."""
    rng = np.random.default_rng(seed)
    shape = size_xyz[::-1]
    labels = np.zeros(shape, np.uint8)
    for number, value in enumerate(label_values):
        labels[2 + number % 5, 2 + number // 5, 3:7] = value
    return {
        "CTres": image_of(rng.integers(-1000, 1200, shape).astype(np.int16), **grid),
        "SUV": image_of(rng.gamma(2.0, 1.0, shape).astype(np.float32), **grid),
        "SEG": image_of(labels, **grid),
    }


def write_study(folder: Path, images: dict[str, sitk.Image]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, image in images.items():
        sitk.WriteImage(image, str(folder / f"{stem}.nii.gz"), useCompression=True)
    return folder


def write_tree(source: Path, n_patients: int, n_unlabeled: int = 0, label_values=(1,)) -> Path:
    """AutoPET's layout, its names with blanks and dots; every third patient has a second study."""
    for number in range(n_patients):
        patient = source / f"PETCT_{number:010x}"
        for study in range(2 if number % 3 == 2 else 1):
            images = random_study(100 * number + study, label_values=label_values)
            if number >= n_patients - n_unlabeled:
                del images["SEG"]
            name = f"0{study + 1}-23-2003-NA-PET-CT Ganzkoerper nativ u. mit  KM-{10000 + number}"
            write_study(patient / name, images)
    return source


@dataclass(frozen=True)
class Conversion:
    """What a call of `muduo convert` left behind."""

    exit_code: int
    dataset: Path
    message: str

    @property
    def record(self) -> dict:
        return json.loads((self.dataset / "muduo_cases.json").read_text())

    @property
    def report(self) -> str:
        return (self.dataset / "muduo_conversion_report.md").read_text()

    def members(self, set_name: str) -> list[str]:
        return sorted(i for i, entry in self.record["cases"].items() if entry["set"] == set_name)

    def files(self) -> dict[str, bytes]:
        paths = (path for path in self.dataset.rglob("*") if path.is_file())
        return {str(path.relative_to(self.dataset)): path.read_bytes() for path in paths}


@pytest.fixture
def nnunet_folders(tmp_path, monkeypatch) -> Path:
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (tmp_path / variable).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / variable))
    return tmp_path


@pytest.fixture
def convert(nnunet_folders, capfd):
    """Run `muduo convert KIND SOURCE -d 705 ...` in this process."""

    def run(kind: str, source: Path, *arguments, name: str = "T", sizes=(2, 1, 1)) -> Conversion:
        words = ["convert", kind, str(source), "-d", "705", "--name", name, "-np", "1", *map(str, arguments)]
        for option, size in zip(("--labeled", "--val", "--test"), sizes, strict=True):
            words += [option, str(size)]
        exit_code = cli.main(words)
        captured = capfd.readouterr()
        return Conversion(exit_code, nnunet_folders / "nnUNet_raw" / f"Dataset705_{name}", captured.out + captured.err)

    return run


@pytest.fixture(scope="session")
def shared_data() -> Path:
    place = os.environ.get("MUDUO_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data"
    if not Path(place).is_dir():
        pytest.skip(f"real data for trying out are not at {place} (set MUDUO_SHARED_DATA)")
    return Path(place)


@pytest.fixture
def petct():
    """The helpers above, for test modules (which can't import a conftest)."""
    import types

    names = ("image_of", "random_study", "write_study", "write_tree", "SIZE_XYZ", "SPACING_MM", "ORIGIN_MM")
    return types.SimpleNamespace(**{name: globals()[name] for name in names})
