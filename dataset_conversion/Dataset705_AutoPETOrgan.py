"""AutoPET with organ maps into nnU-Net raw.

The maps are `AutoPET-OrganlabelsTr.zip` of SegAnyPET (https://github.com/YichiZhang98/SegAnyPET, 100 studies), unpacked or
not, or those of AutoPET III; studies without a map are unlabeled. The images are AutoPET's in any NIfTI edition.
"""

from nnunetv2_muduo.cli.convert import run_alone

if __name__ == "__main__":
    raise SystemExit(run_alone("autopet-organ", __doc__))
