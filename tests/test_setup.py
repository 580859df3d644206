"""setup.py declares what the package imports, and no more."""

import ast
import re
import sys
from pathlib import Path

import yaml

import nnunetv2_muduo

ROOT = Path(__file__).parents[1]
OPTIONAL = {
    "pydicom",
    "transformers",
}  # extras, imported where they are needed with a message that says how to get them
DISTRIBUTION = {
    "PIL": "pillow",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
}  # where the name on PyPI differs from the module's


def imported() -> set[str]:
    modules = set()
    for file in [*(ROOT / "nnunetv2_muduo").rglob("*.py"), *(ROOT / "dataset_conversion").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules.add(node.module.split(".")[0])
    return modules - set(sys.stdlib_module_names) - {"nnunetv2_muduo"} - OPTIONAL


def declared() -> set[str]:
    source = (ROOT / "setup.py").read_text()
    requirements = ast.literal_eval(re.search(r"install_requires=(\[.*?\])", source, re.DOTALL).group(1))
    return {re.split(r"[<>=!~ ]", requirement)[0].lower().replace("-", "_") for requirement in requirements}


def test_every_import_is_declared_and_every_declaration_is_imported():
    names = {DISTRIBUTION.get(module, module).lower().replace("-", "_") for module in imported()}
    assert names == declared()


def test_author_version_and_license_are_those_of_the_citation():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    source = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert f'author="{citation["authors"][0]["name"]}"' in source
    assert f'license="{citation["license"]}"' in source
    assert citation["version"] == nnunetv2_muduo.__version__
