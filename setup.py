"""Packaging. Two things here can't be said in pyproject.toml:

* `nnunetv2_muduo/nnunet_plugin/` is installed a second time as nnunetv2.training.nnUNetTrainer.variants.muduo, where the
  stock class finder of nnU-Net looks, so that `nnUNetv2_train -tr nnUNetTrainerMuDuo` works without any environment variable;
* the version has one source, nnunetv2_muduo/__init__.py.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "nnunetv2_muduo" / "__init__.py").read_text()).group(1)
PLUGIN = "nnunetv2.training.nnUNetTrainer.variants.muduo"

setup(
    name="nnunetv2_muduo",
    version=VERSION,
    description="Semi-supervised PET/CT segmentation in nnU-Net v2, taught by SAM-Med3D and SegAnyPET",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=sorted({*find_packages(include=["nnunetv2_muduo", "nnunetv2_muduo.*"]), PLUGIN}),
    package_dir={PLUGIN: "nnunetv2_muduo/nnunet_plugin"},
    package_data={"nnunetv2_muduo": ["py.typed"], "nnunetv2_muduo.teachers": ["small/*"]},
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
        "scipy",
        "tqdm",
    ],
    extras_require={
        "dicom": ["pydicom>=3"],
        "dev": [
            "pytest",
            "pytest-xdist",
            "hypothesis",
            "ruff",
            "medpy",
            "pydicom>=3",
            "pySUV",
            "highdicom",
            "selenium",
        ],
    },
    entry_points={"console_scripts": ["muduo = nnunetv2_muduo.cli:main"]},
)
