"""Former place of `nnunetv2_muduo.cli.torchrun` (until 0.1.0): works in this version, with a line of warning."""

import runpy
import warnings

if __name__ == "__main__":
    warnings.warn("Start this as -m nnunetv2_muduo.cli.torchrun; the old name will go.", FutureWarning, stacklevel=1)
    runpy.run_module("nnunetv2_muduo.cli.torchrun", run_name="__main__")
