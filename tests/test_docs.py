"""Pages against the repository: every link, file, command, trainer and config field that they name is there."""

import argparse
import dataclasses
import importlib.util
import re
from pathlib import Path

import pytest

from nnunetv2_muduo import trainers
from nnunetv2_muduo.cli.main import COMMANDS, build_parser
from nnunetv2_muduo.config import MuDuoConfig, TeachersConfig, TrainingConfig
from nnunetv2_muduo.trainers.cfr import CFRConfig
from nnunetv2_muduo.trainers.cps import CPSConfig
from nnunetv2_muduo.trainers.mean_teacher import MeanTeacherConfig
from nnunetv2_muduo.trainers.sassnet import SASSNetConfig
from nnunetv2_muduo.trainers.self_training import SelfTrainingConfig
from nnunetv2_muduo.trainers.semisam_plus import SemiSAMPlusConfig
from nnunetv2_muduo.trainers.uncertainty_aware import UAMeanTeacherConfig

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
OF_TODAY = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which names what was, too
ON_EVERY_PAGE = pytest.mark.parametrize("page", OF_TODAY, ids=lambda page: page.name)
NAME_OF_FILE = re.compile(r"(?<![\w./*-])(?:(?:[\w-]+/)*[\w-]+\.py|(?:[\w-]+/)+[\w-]+\.(?:md|png))\b")
EXAMPLE_TRAINERS = {"nnUNetTrainer", "nnUNetTrainerDA5", "nnUNetTrainerX", "nnUNetTrainerMyMethod"}
CONFIGURATION = ROOT / "docs" / "configuration.md"
CONFIG_OF = {
    "every trainer": TrainingConfig,
    "methods with teachers": TeachersConfig,
    "MuDuo": MuDuoConfig,
    "Mean Teacher": MeanTeacherConfig,
    "UA-MT": UAMeanTeacherConfig,
    "CPS": CPSConfig,
    "SASSNet": SASSNetConfig,
    "SemiSAM+": SemiSAMPlusConfig,
    "self-training": SelfTrainingConfig,
    "CFR": CFRConfig,
}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def code_of(page: Path) -> list[str]:
    """Lines of code blocks, and spans of code."""
    text = text_of(page)
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    spans = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [line for block in blocks for line in block.splitlines()] + [" ".join(span.split()) for span in spans]


def anchors_of(page: Path) -> set[str]:
    """Anchors that GitHub gives to the headings."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def config_classes() -> list[type[TrainingConfig]]:
    classes = [TrainingConfig]
    for config_class in classes:
        classes += config_class.__subclasses__()
    return classes


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """Options of a parser and of the parsers below it."""
    options = set()
    for action in parser._actions:
        options |= set(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            options |= set().union(*(options_of(below) for below in action.choices.values()))
    return options


def muduo_calls(page: Path) -> list[list[str]]:
    """Words after each `muduo`."""
    return [code.split()[1:] for code in code_of(page) if code.startswith("muduo ")]


def test_readme_can_be_read_in_two_minutes():
    assert len(text_of(ROOT / "README.md").splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links(page):
    for link in re.findall(r"\]\(([^)]+)\)", text_of(page)):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors_of(target), link


@ON_EVERY_PAGE
def test_named_files(page):
    bases = [ROOT, ROOT / "nnunetv2_muduo", ROOT / "tests"]
    for code in code_of(page):
        for name in NAME_OF_FILE.findall(code):
            if not re.search(r"\b(?:[A-Z]{2,}|X)(?:/|\b)|_NAME\b", name.replace("MODEL_CARD", "")):  # no placeholder
                assert any((base / name).exists() for base in bases), name


@ON_EVERY_PAGE
def test_named_modules(page):
    for module in re.findall(r"-m (nnunetv2_muduo[\w.]*|benchmarks[\w.]*)", text_of(page)):
        assert importlib.util.find_spec(module), module


@ON_EVERY_PAGE
def test_muduo_commands_and_their_options(page):
    for command, *words in muduo_calls(page):
        assert command in COMMANDS or command.startswith("-"), command
        if command in COMMANDS:
            (subparsers,) = (a for a in build_parser(command)._actions if isinstance(a, argparse._SubParsersAction))
            known = options_of(subparsers.choices[command])
            assert {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)} <= known, (command, words)


def test_every_command_is_in_the_readme():
    named = {call[0] for call in muduo_calls(ROOT / "README.md")}
    assert set(COMMANDS) <= named


@ON_EVERY_PAGE
def test_make_targets(page):
    targets = set(re.findall(r"^([\w-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    for code in code_of(page):
        if code.startswith("make "):
            assert code.split()[1] in targets, code


@ON_EVERY_PAGE
def test_trainers(page):
    for name in re.findall(r"\bnnUNetTrainer\w*(?!\w*\.\.\.)", text_of(page)):
        assert name in {*trainers.__all__, *EXAMPLE_TRAINERS} or name.endswith("_"), name


def test_every_trainer_is_in_the_configuration_page():
    assert set(trainers.__all__) <= set(re.findall(r"nnUNetTrainer\w+", text_of(CONFIGURATION)))


def test_tables_of_config_fields_are_those_of_the_config():
    """One table for each config class, in the order of CONFIG_OF, with the fields that it adds or changes, and their defaults."""
    tables = re.findall(
        r"^### Of (.+?)\n(.*?)(?=^#|^`teacher_spacing`)", text_of(CONFIGURATION), re.MULTILINE | re.DOTALL
    )
    assert [name for name, _ in tables] == list(CONFIG_OF)
    assert sorted(map(str, CONFIG_OF.values())) == sorted({*map(str, config_classes())})
    for name, table in tables:
        rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", table, re.MULTILINE))
        defaults = {field.name: field.default for field in dataclasses.fields(CONFIG_OF[name])}
        assert sorted(rows) == sorted(CONFIG_OF[name].__annotations__)
        for field, shown in rows.items():
            if defaults[field] is not None:
                first = re.split(r"[ ,]", shown)[0].strip("`")
                assert first.lower() == str(defaults[field]).lower(), field


@ON_EVERY_PAGE
def test_config_fields_in_the_text(page):
    for code in code_of(page):
        if match := re.match(r"([a-z_]+): \S", code):
            assert match[1] in {field.name for one in config_classes() for field in dataclasses.fields(one)}, code


def test_pages_that_sources_cite_are_there():
    for folder in ("nnunetv2_muduo", "tests", "benchmarks", "dataset_conversion"):
        for source in sorted((ROOT / folder).rglob("*.py")):
            text = text_of(source)
            for name, section in re.findall(r'docs/(\w+)\.md(?:, "([^"]+)")?', text):
                page = ROOT / "docs" / f"{name}.md"
                assert page.is_file(), f"{source}: {page.name}"
                assert not section or f" {section}\n" in text_of(page), f"{source}: {section}"
