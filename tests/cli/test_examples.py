"""Below every `--help` stand examples, and each is a command that the parser takes."""

import argparse
import shlex

import pytest

from nnunetv2_muduo.cli import main
from nnunetv2_muduo.cli.examples import EXAMPLES
from nnunetv2_muduo.cli.main import COMMANDS, build_parser


def commands_of(parser: argparse.ArgumentParser) -> list[str]:
    """Words of the commands below a parser, and of those below them."""
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                found += [name, *(f"{name} {further}" for further in commands_of(below))]
    return found


def every_command() -> list[str]:
    return sorted({command for name in COMMANDS for command in commands_of(build_parser(name))})


def test_every_command_has_examples_and_no_other_has():
    assert every_command() == sorted(EXAMPLES)
    assert {"convert dicom", "teacher fetch", "teacher train", "demo"} <= set(EXAMPLES)


@pytest.mark.parametrize("command", EXAMPLES)
def test_help_ends_with_them_as_they_are(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([*command.split(), "--help"])
    assert end.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-len(EXAMPLES[command]) :] == [f"  {example}" for example in EXAMPLES[command]]


@pytest.mark.parametrize(("command", "example"), [(c, e) for c, examples in EXAMPLES.items() for e in examples])
def test_the_parser_takes_them(command, example, capsys):
    program, *words = shlex.split(example)
    assert program == "muduo"
    assert words[: len(command.split())] == command.split()
    if "--help" in words:
        with pytest.raises(SystemExit):
            build_parser(words[0]).parse_args(words)
    else:
        assert build_parser(words[0]).parse_args(words).command == words[0]
