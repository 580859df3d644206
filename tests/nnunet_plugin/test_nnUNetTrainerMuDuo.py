"""The stock class finder of nnU-Net finds our trainers: from a wheel without any variable, from a checkout with one."""

import pickle
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import nnunetv2_muduo

PLUGIN = Path(nnunetv2_muduo.__file__).parent / "nnunet_plugin"
FIND = """
import pickle, sys
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name as find
for name in sys.argv[1:]:
    found = find(name)
    assert found.__name__ == name, found
    assert pickle.loads(pickle.dumps(found)) is found
print("FOUND", find(sys.argv[1]).__module__)
heavy = [m for m in sys.modules if m.startswith(("nnunetv2_muduo.teachers", "nnunetv2_muduo.evaluation"))]
assert not heavy, heavy
"""
NAMES = [
    "nnUNetTrainerMuDuo",
    "nnUNetTrainerMuDuo_paper",
    "nnUNetTrainerMuDuoPromptGenerator",
    "nnUNetTrainerMuDuo_1epoch",
    "nnUNetTrainerMuDuo_5epochs",
    *(
        f"nnUNetTrainerMuDuo_{row}"
        for row in ("CTTeacherOnly", "PETTeacherOnly", "NoFilter", "FixedThreshold", "SinglePoint", "Supervised")
    ),
]


def test_found_through_the_variable_and_pickled(monkeypatch):
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

    monkeypatch.setenv("nnUNet_extTrainer", str(PLUGIN))
    for name in NAMES:
        found = recursive_find_trainer_class_by_name(name)
        assert found.__name__ == name
        assert pickle.loads(pickle.dumps(found)) is found


def test_a_broken_import_of_ours_does_not_disturb_another_trainers_search(monkeypatch):
    from nnunetv2.utilities.find_class_by_name import recursive_find_python_class

    monkeypatch.setitem(sys.modules, "nnunetv2_muduo.trainers", None)  # importing it now raises ImportError

    def find(name):
        return recursive_find_python_class(str(PLUGIN), name, None, base_folder=str(PLUGIN))

    assert find("nnUNetTrainerOfSomebodyElse") is None
    with pytest.raises(ImportError):
        find("nnUNetTrainerMuDuo")


@pytest.mark.slow
def test_a_wheel_in_a_new_environment_is_found_with_no_variable_from_any_directory(tmp_path):
    root = _checkout()
    run = {"check": True, "capture_output": True, "text": True}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    source = tmp_path / "source"  # a copy, since building writes into the folder
    subprocess.run(["git", "clone", "--quiet", str(root), str(source)], **run)
    subprocess.run(
        [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(source)], **run
    )
    wheel = next(tmp_path.glob("*.whl"))
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)}))
    _link_installed_packages(site)
    subprocess.run(
        [*pip, "--python", str(environment / "bin" / "python"), "install", "--quiet", "--no-deps", str(wheel)], **run
    )
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "nnUNet_results": str(tmp_path)}
    command = [str(environment / "bin" / "python"), "-c", FIND, *NAMES]
    found = subprocess.run(command, cwd="/", env=clean, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert "FOUND nnunetv2_muduo.trainers.muduo" in found.stdout
    location = "import nnunetv2_muduo, nnunetv2_muduo.conversion.dicom as d; print(nnunetv2_muduo.__file__, d.__file__)"
    files = subprocess.run([command[0], "-c", location], cwd="/", env=clean, **run).stdout.split()
    assert all(file.startswith(str(site)) for file in files)


def _checkout() -> Path:
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        pytest.skip("needs a git checkout to build the wheel from")
    return root


def _link_installed_packages(site: Path) -> None:
    """Everything this environment has, but our package and our overlay of nnU-Net: installing torch again takes minutes."""
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("nnunetv2", "__")):
            (site / entry.name).symlink_to(entry)
    import shutil

    import nnunetv2

    overlay = shutil.ignore_patterns("muduo", "__pycache__")
    shutil.copytree(Path(nnunetv2.__file__).parent, site / "nnunetv2", ignore=overlay)
