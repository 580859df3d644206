"""nnU-Net finds the trainers, and stays as it was, in every way in which both can be installed. All environments are real."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for environments.py

from environments import (
    PIP,
    QUIETLY,
    Environment,
    add_nnunet,
    call,
    copy_sources,
    files_below,
    nnunet_checkout,
    succeed,
)

NAMES = ["nnUNetTrainerMuDuo", "nnUNetTrainerMuDuo_Supervised", "nnUNetTrainerMeanTeacher"]
STOCK = "nnUNetTrainerNoMirroring"
VARIABLE = "import os, nnunetv2.paths; print(os.environ.get('nnUNet_extTrainer'))"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return copy_sources(tmp_path_factory.mktemp("sources") / "checkout")


@pytest.fixture(scope="module")
def wheel(sources, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    succeed([*PIP, "wheel", *QUIETLY, "-w", folder, sources])
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture
def environment(tmp_path):
    """One with nnU-Net as a wheel leaves it."""
    made = Environment(tmp_path / "environment")
    add_nnunet(made.site)
    return made


def assert_found(done) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f"FOUND {name} in nnunetv2_muduo.trainers." in done.stdout for name in NAMES)
    assert f"FOUND {STOCK} in nnunetv2.training." in done.stdout


def test_wheel_beside_wheel_and_nothing_is_left_of_it(environment, wheel):
    before = files_below(environment.site)
    environment.install(wheel)
    added = files_below(environment.site) - before
    assert {file.split("/")[0].split("-")[0] for file in added} == {
        "nnunetv2_muduo", "nnunetv2_muduo_entrance.pth", "nnunetv2_muduo_entrance.py",
    }  # fmt: skip
    assert {"nnunetv2_muduo/__init__.pyi", "nnunetv2_muduo/py.typed"} <= added
    assert_found(environment.find(*NAMES, STOCK))
    environment.pip("uninstall", "--yes", "--quiet", "nnunetv2_muduo")
    assert files_below(environment.site) == before
    assert "FOUND" in environment.find(STOCK).stdout
    gone = environment.find(NAMES[0])
    assert gone.returncode == 1
    assert "Could not find requested nnunet trainer" in gone.stderr


def test_wheel_beside_an_editable_nnunet(tmp_path, wheel):
    environment = Environment(tmp_path / "environment")
    environment.install("-e", nnunet_checkout(tmp_path / "nnunet"))
    environment.install(wheel)
    assert_found(environment.find(*NAMES, STOCK))
    where = succeed(
        [environment.python, "-W", "error", "-c", "import nnunetv2, nnunetv2_muduo; print(nnunetv2.__file__)"]
    )
    assert where.strip() == str(tmp_path / "nnunet" / "nnunetv2" / "__init__.py")


@pytest.mark.long
@pytest.mark.parametrize("mode", ["strict", "compat"])
def test_wheel_beside_other_editable_forms_of_nnunet(tmp_path, wheel, mode):
    environment = Environment(tmp_path / "environment")
    environment.install("--config-settings", f"editable_mode={mode}", "-e", nnunet_checkout(tmp_path / "nnunet"))
    environment.install(wheel)
    assert_found(environment.find(*NAMES, STOCK))


@pytest.mark.parametrize("mode", ["lenient", pytest.param("strict", marks=pytest.mark.long), "compat"])
def test_an_editable_checkout_needs_no_variable_either(environment, sources, mode):
    environment.install("--config-settings", f"editable_mode={mode}", "-e", sources)
    assert_found(environment.find(*NAMES, STOCK))
    environment.pip("uninstall", "--yes", "--quiet", "nnunetv2_muduo")
    assert [name for name in files_below(environment.site) if "muduo" in name] == []


@pytest.mark.long
def test_both_editable(tmp_path, sources):
    environment = Environment(tmp_path / "environment")
    environment.install("-e", nnunet_checkout(tmp_path / "nnunet"))
    environment.install("-e", sources)
    assert_found(environment.find(*NAMES, STOCK))


@pytest.mark.long
def test_source_distribution(environment, sources, tmp_path):
    build = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    succeed(["/bin/sh", "-c", 'cd "$0" && "$1" -c "$2" "$3"', sources, sys.executable, build, tmp_path])
    environment.install(*tmp_path.glob("*.tar.gz"))
    assert_found(environment.find(*NAMES, STOCK))


def test_users_own_packages_beside_a_nnunet_of_the_environment(tmp_path, wheel):
    environment = Environment(tmp_path / "environment", system_site_packages=True)
    add_nnunet(environment.site)
    home = {"PYTHONUSERBASE": str(tmp_path / "home")}
    environment.install("--user", wheel, **home)
    assert list((tmp_path / "home").rglob("nnunetv2_muduo_entrance.pth"))
    assert_found(environment.find(*NAMES, STOCK, **home))
    assert environment.find(NAMES[0]).returncode == 1  # whoever does not have it is left alone


def test_a_folder_on_pythonpath_says_what_it_needs(environment, wheel, tmp_path):
    environment.install("--target", tmp_path / "folder", wheel)
    on_path = {"PYTHONPATH": str(tmp_path / "folder")}
    assert "FOUND" in environment.find(STOCK, **on_path).stdout
    check = call([environment.python, "-m", "nnunetv2_muduo.cli", "check", "-d", "1"], **on_path)
    plugin = tmp_path / "folder" / "nnunetv2_muduo" / "nnunet_plugin"
    assert f"export nnUNet_extTrainer={plugin}" in check.stdout
    assert_found(environment.find(*NAMES, STOCK, nnUNet_extTrainer=str(plugin), **on_path))


def test_the_variable_is_added_to_for_nnunet_alone(environment, wheel, tmp_path):
    environment.install(wheel)
    plugin = str(environment.site / "nnunetv2_muduo" / "nnunet_plugin")
    assert succeed([environment.python, "-c", VARIABLE]).strip() == plugin
    assert succeed([environment.python, "-c", VARIABLE], nnUNet_extTrainer="/own").strip() == f"/own:{plugin}"
    assert succeed([environment.python, "-c", VARIABLE], nnUNet_extTrainer=f"/own:{plugin}").strip() == f"/own:{plugin}"
    others = VARIABLE.replace("nnunetv2.paths", "json")
    assert succeed([environment.python, "-c", others]).strip() == "None"
    loaded = "import sys; print([name for name in sys.modules if 'muduo' in name])"
    assert succeed([environment.python, "-c", loaded]).strip() == "['nnunetv2_muduo_entrance']"


def test_trainers_of_users_stay_findable(environment, wheel, tmp_path):
    environment.install(wheel)
    (tmp_path / "own_trainers.py").write_text(
        "from nnunetv2_muduo.trainers import nnUNetTrainerMuDuo\nclass nnUNetTrainerOwn(nnUNetTrainerMuDuo): pass\n"
    )
    code = (
        "from nnunetv2.utilities.find_objects import *; print(recursive_find_trainer_class_by_name('nnUNetTrainerOwn'))"
    )
    assert "own_trainers" in succeed([environment.python, "-c", code], nnUNet_extTrainer=str(tmp_path)).splitlines()[-1]


@pytest.mark.parametrize("other", [False, True])
def test_a_trainer_of_users_wins_over_ours_of_the_same_name(environment, wheel, tmp_path, other):
    """What they have set explicitly stands before what an installation adds; without it, or for other names, ours is found."""
    environment.install(wheel)
    (tmp_path / "own_trainers.py").write_text(
        "from nnunetv2_muduo import trainers\nclass nnUNetTrainerMuDuo(trainers.nnUNetTrainerMuDuo): pass\n"
    )
    name = "nnUNetTrainerMeanTeacher" if other else "nnUNetTrainerMuDuo"
    code = f"from nnunetv2.utilities.find_objects import *; print(recursive_find_trainer_class_by_name('{name}'))"
    found = [
        succeed([environment.python, "-c", code], **variable).splitlines()[-1]
        for variable in ({"nnUNet_extTrainer": str(tmp_path)}, {})
    ]
    assert ["own_trainers" in line for line in found] == [not other, False]
    assert all(f".{name}'" in line for line in found)


def test_a_folder_that_hides_nnunet_is_named_at_import_and_by_check(tmp_path, wheel):
    """What earlier versions did to an editable nnU-Net, and other packages may still do."""
    environment = Environment(tmp_path / "environment")
    environment.install("-e", nnunet_checkout(tmp_path / "nnunet"))
    environment.install(wheel)
    left = environment.site / "nnunetv2" / "training" / "nnUNetTrainer" / "variants" / "other"
    left.mkdir(parents=True)
    (left / "__init__.py").touch()
    assert environment.find(STOCK).returncode == 1
    imported = call([environment.python, "-c", "import nnunetv2_muduo"])
    assert imported.returncode == 0
    assert f"{environment.site / 'nnunetv2'} has no __init__.py and hides nnU-Net" in imported.stderr
    check = call([environment.python, "-m", "nnunetv2_muduo.cli", "check", "-d", "1"])
    assert check.returncode == 1
    assert "PROBLEM  nnU-Net" in check.stdout
    assert "No installed package owns it: remove the folder" in check.stdout
    record = environment.site / "other_trainers-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: other_trainers\nVersion: 1.0\n")
    (record / "RECORD").write_text("nnunetv2/training/nnUNetTrainer/variants/other/__init__.py,,\n")
    check = call([environment.python, "-m", "nnunetv2_muduo.cli", "check", "-d", "1"])
    assert "It belongs to other_trainers: pip uninstall other_trainers" in check.stdout


def test_check_where_there_is_no_nnunet_at_all(tmp_path, wheel):
    environment = Environment(tmp_path / "environment")
    environment.install(wheel)
    check = call([environment.python, "-m", "nnunetv2_muduo.cli", "check", "-d", "1"])
    assert check.returncode == 1
    assert f"not installed in this Python: {environment.python} -m pip install nnunetv2" in check.stdout


def test_check_names_the_other_python_of_nnunets_commands(environment, wheel, tmp_path):
    environment.install(wheel)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "nnUNetv2_train").write_text("#!/opt/conda/bin/python3.12\n")
    (tmp_path / "bin" / "nnUNetv2_train").chmod(0o755)
    command = [environment.python, "-m", "nnunetv2_muduo.cli", "check", "-d", "1"]
    check = call(command, PATH=f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert "/opt/conda/bin/python3.12 -m pip install" in check.stdout
    (tmp_path / "bin" / "nnUNetv2_train").write_text(f"#!{environment.python}\n")
    assert "commands" not in call(command, PATH=f"{tmp_path / 'bin'}:/usr/bin:/bin").stdout
