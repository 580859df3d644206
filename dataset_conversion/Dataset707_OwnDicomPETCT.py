"""A tree of DICOM series (own scans, or AutoPET from TCIA) into nnU-Net raw: PET in SUVbw, CT on the PET's grid.

Needs pydicom: pip install 'nnunetv2_muduo[dicom]'.
"""

from nnunetv2_muduo.cli.convert import run_alone

if __name__ == "__main__":
    raise SystemExit(run_alone("dicom", __doc__))
