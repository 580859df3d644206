"""Packaging. Two things here can't be said in pyproject.toml:

* two files of `site_packages/` lie beside the package in site-packages, so that `nnUNetv2_train -tr nnUNetTrainerMuDuo` works
  without any environment variable (docs/architecture.md, "How nnU-Net finds the trainers");
* the version has one source, nnunetv2_muduo/__init__.py.
"""

import re
from pathlib import Path

from setuptools import Distribution, find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "nnunetv2_muduo" / "__init__.py").read_text()).group(1)
BESIDE_THE_PACKAGE = (
    "../purelib"  # from a wheel's folder `data` to what goes into site-packages itself, editable or not
)


class WithDataFiles(Distribution):
    """An editable installation asks for data files by this name, which setuptools does not have, and would leave them out."""

    has_data = Distribution.has_data_files


setup(
    distclass=WithDataFiles,
    name="nnunetv2_muduo",
    version=VERSION,
    description="Semi-supervised PET/CT segmentation in nnU-Net v2, taught by SAM-Med3D and SegAnyPET",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="nnunetv2_muduo contributors",  # as in CITATION.cff
    license="Apache-2.0",
    keywords=["nnU-Net", "PET/CT", "segmentation", "semi-supervised learning", "SAM-Med3D", "SegAnyPET"],
    project_urls={"MuDuo (paper)": "https://arxiv.org/abs/2606.15611", "nnU-Net": "https://github.com/MIC-DKFZ/nnUNet"},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Healthcare Industry",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 15)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Medical Science Apps.",
        "Typing :: Typed",
    ],
    python_requires=">=3.10",
    packages=find_packages(include=["nnunetv2_muduo", "nnunetv2_muduo.*"]),
    data_files=[(BESIDE_THE_PACKAGE, [f"site_packages/nnunetv2_muduo_entrance.{ending}" for ending in ("pth", "py")])],
    package_data={
        "nnunetv2_muduo": ["py.typed", "*.pyi"],
        "nnunetv2_muduo.teachers": ["small/*"],
        "nnunetv2_muduo.prompting.server": ["page/*"],
    },
    install_requires=[
        "nnunetv2>=2.8.1,<3",
        "torch>=2.6",  # the first that can tell which classes a checkpoint needs before it is read
        "batchgenerators",
        "batchgeneratorsv2",
        "SimpleITK",
        # All of these come with nnU-Net as well.
        "acvl-utils",
        "blosc2",
        "dynamic-network-architectures",
        "filelock",
        "huggingface_hub",
        "matplotlib",
        "msgpack",
        "nibabel",
        "numpy",
        "pandas",
        "pillow",
        "pyyaml",
        "safetensors",
        "scikit-image",
        "scipy",
        "tqdm",
    ],
    extras_require={
        "cfr": ["transformers>=4.57,<6"],
        "dicom": ["pydicom>=3"],
        "dev": [
            "pytest",
            "pytest-xdist",
            "hypothesis",
            "ruff",
            "mypy",
            "types-PyYAML",
            "nbclient",
            "ipykernel",
            "medpy",
            "pydicom>=3",
            "pySUV",
            "highdicom",
            "selenium",
            "transformers>=4.57,<6",
        ],
    },
    entry_points={"console_scripts": ["muduo = nnunetv2_muduo.cli:main"]},
)
