"""The `muduo` command; one file per verb."""

from nnunetv2_muduo.cli.main import main

__all__ = ["main"]
