"""YAML as its version 1.2 defines it, in which numbers and words mean what they look like, and JSON that is as strict.

PyYAML reads version 1.1: there `1e-1` is a text, `010` is 8, `yes` is true, and of a key that stands twice the last one counts
without a word. Here `1e-1` is 0.1, `010` is 10, `yes` is a text, and a key that stands twice is an error with its lines.

Dates stay dates, as in 1.1. Source: https://yaml.org/spec/1.2.2, 10.3 (core schema).
"""

import json
import re
from collections import Counter
from typing import Any

import yaml

_CORE_SCHEMA = {
    "null": (r"~|null|Null|NULL|", "~nN\0"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
}
"""Pattern of each kind of plain scalar, and what such a scalar begins with (\\0: nothing at all). The first that fits counts."""


def parse_yaml(text: str) -> Any:
    """Plain values of a YAML text: mappings, lists, texts, numbers, true, false, null; None for an empty text.

    Raises:
        ValueError: it is no YAML, a key stands twice, or there is an object of a programming language; with line and column.
    """
    try:
        return yaml.load(text, _Loader)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    except (KeyError, AttributeError) as error:  # PyYAML's, of `!!bool x` and its like
        raise ValueError(f"a value does not fit its tag ({error})") from error


def parse_json(text: str) -> Any:
    """Plain values of a JSON text.

    Raises:
        ValueError: it is no JSON, or a key stands twice; with the line.
    """

    def without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for key, n in Counter(key for key, _ in pairs).items():
            if n > 1:
                raise ValueError(f"{key!r} stands twice, in line {' and in line '.join(_lines_of_key(text, key))}")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=without_twins)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _lines_of_key(text: str, key: str) -> list[str]:
    pattern = re.escape(json.dumps(key, ensure_ascii=False)) + r"\s*:"
    return [str(text.count("\n", 0, match.start()) + 1) for match in re.finditer(pattern, text)]


def to_yaml(values: dict[str, Any]) -> str:
    """A line for each field, in the form that `parse_yaml` reads; texts that look like numbers are quoted."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {
        character: [(tag, pattern) for tag, pattern in resolvers if tag.endswith(":timestamp")]
        for character, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node, deep=False):
        first_line: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.YAMLError(f"a key is no single value, in line {line}")
            if (before := first_line.get((key.tag, key.value))) is not None:
                raise yaml.YAMLError(f"{key.value!r} stands twice, in line {before} and in line {line}")
            first_line[key.tag, key.value] = line
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node):
        """Version 1.2 has no keys `<<` that mean something."""

    def construct_core_int(self, node):
        value = self.construct_scalar(node)
        return int(value, {"0o": 8, "0x": 16}.get(value[:2], 10))

    def construct_core_float(self, node):
        return float(re.sub(r"\.(?=inf|nan)", "", self.construct_scalar(node).lower()))


class _Dumper(yaml.SafeDumper):
    """PyYAML's, which also quotes texts that are numbers in version 1.2."""


for _kind, (_pattern, _first) in _CORE_SCHEMA.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(
            f"tag:yaml.org,2002:{_kind}",
            re.compile(f"^(?:{_pattern})$"),
            ["" if character == "\0" else character for character in _first],
        )
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_core_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_core_float)
