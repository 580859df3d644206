"""Semi-supervised PET/CT segmentation in nnU-Net v2: one student, two promptable foundation models as teachers."""

__version__ = "0.1.0"
