"""AutoPET (I to IV, NIfTI) into nnU-Net raw with its own tumor masks, or with label maps given instead.

Layouts are described in nnunetv2_muduo/conversion/layouts.py; data: https://doi.org/10.1038/s41597-022-01718-3.
"""

from nnunetv2_muduo.cli.convert import run_alone

if __name__ == "__main__":
    raise SystemExit(run_alone("autopet", __doc__))
