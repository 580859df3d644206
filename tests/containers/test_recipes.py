"""The recipes of containers against the repository: they copy what setup.py builds from, and name what is there.

Neither Docker nor Apptainer runs in the tests. `%post` of the one and `RUN` of the other are checked by a shell's parser.
"""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "containers" / "Dockerfile").read_text()
RECIPE = (ROOT / "containers" / "Apptainer.def").read_text()
NEEDED = {"setup.py", "pyproject.toml", "README.md", "LICENSE", "site_packages", "nnunetv2_muduo"}
FOLDERS = {"nnUNet_raw": "/data/raw", "nnUNet_preprocessed": "/data/preprocessed", "nnUNet_results": "/data/results"}


def instructions() -> list[tuple[str, str]]:
    """Name and words of each instruction of the Dockerfile."""
    lines = [line for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(" ", 1)) for line in joined.splitlines()]


def sections() -> dict[str, str]:
    """Text of each section of the Apptainer recipe."""
    return dict(re.findall(r"^%(\w+)\n(.*?)(?=^%|\Z)", RECIPE, re.MULTILINE | re.DOTALL))


def words_of(name: str) -> list[str]:
    return [words for instruction, words in instructions() if instruction == name]


def scripts() -> dict[str, str]:
    return {name: sections()[name] for name in ("post", "environment", "test", "runscript")} | dict(
        (f"RUN {number}", words) for number, words in enumerate(words_of("RUN"))
    )


def test_the_dockerfile_has_known_instructions_and_no_root_at_the_end():
    names = [name for name, _ in instructions()]
    assert set(names) <= {"FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "CMD"}
    assert names[0] == "FROM"
    assert names.index("USER") > max(number for number, name in enumerate(names) if name == "RUN")
    assert words_of("USER") == ["1000"]


@pytest.mark.parametrize("name", scripts())
def test_shells_can_read_the_scripts(name):
    done = subprocess.run(["/bin/sh", "-n"], input=scripts()[name], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_both_start_from_the_same_python_that_the_package_takes():
    (image,) = words_of("FROM")
    assert f"From: {image}\n" in RECIPE
    version = int(re.match(r"python:3\.(\d+)", image).group(1))
    assert 10 <= version <= 14  # as the classifiers of setup.py


def test_what_setup_builds_from_is_copied_and_nothing_else():
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignore
    assert {line[1:] for line in ignore if line.startswith("!")} == NEEDED
    copied = dict(line.split() for line in sections()["files"].strip().splitlines())
    assert copied == {name: f"/tmp/source/{name}" for name in NEEDED}
    assert all((ROOT / name).exists() for name in NEEDED)


def test_both_set_nnunets_folders():
    (variables,) = words_of("ENV")
    of_docker = dict(word.split("=", 1) for word in shlex.split(variables))
    of_apptainer = dict(re.findall(r"export (\w+)=(\S+)", sections()["environment"]))
    for values in (of_docker, of_apptainer):
        assert FOLDERS.items() <= values.items()
        assert values["HF_HOME"].startswith("/data/")


def test_commands_in_them_are_those_of_the_package():
    from nnunetv2_muduo.cli.main import COMMANDS

    for command in re.findall(r"\bmuduo (?:muduo )?(\w[\w-]*|--\w+) ", DOCKERFILE + RECIPE):
        assert command in {*COMMANDS, "and"} or command.startswith("-"), command


def test_the_page_names_what_the_recipes_name_and_that_they_were_never_built():
    page = (ROOT / "containers" / "README.md").read_text()
    (image,) = words_of("FROM")
    installed = set(re.findall(r"--no-install-recommends (\S+)", DOCKERFILE + RECIPE))
    (extra,) = set(re.findall(r"/tmp/source(\[\w+\])", DOCKERFILE + RECIPE))
    assert f'"{extra[1:-1]}"' in (ROOT / "setup.py").read_text()
    assert all(f"`{name}`" in page for name in (image, *installed, extra))
    assert set(re.findall(r"ignore=(\w+)", DOCKERFILE)) == set(re.findall(r"\bDL\d+", page))
    assert "Neither was ever built" in page
