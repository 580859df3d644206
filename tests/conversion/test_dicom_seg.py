"""DICOM segmentations written by highdicom, an independent implementation, and read by ours."""

import numpy as np
import pytest
import SimpleITK as sitk

pydicom = pytest.importorskip("pydicom")
highdicom = pytest.importorskip("highdicom")
from pydicom.dataset import FileMetaDataset  # noqa: E402
from pydicom.sr.codedict import codes  # noqa: E402
from pydicom.uid import ExplicitVRLittleEndian  # noqa: E402

from nnunetv2_muduo.conversion.dicom_seg import SegFile  # noqa: E402
from nnunetv2_muduo.imageio.nifti import CaseRefused  # noqa: E402

SHAPE = (6, 7, 8)
OBLIQUE = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0][:, :2].T.ravel()


def ct_slices(orientation):
    """Headers of a CT with 3 mm slices whose pixels are 1.5 mm high and 2 mm wide."""
    row, column = np.reshape(orientation, (2, 3))
    study, series, frame = (pydicom.uid.generate_uid() for _ in range(3))
    slices = []
    for z in range(SHAPE[0]):
        dataset = pydicom.Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        dataset.SOPInstanceUID = pydicom.uid.generate_uid()
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = study, series, frame
        dataset.Modality, dataset.PatientID, dataset.PatientName = "CT", "p", "p^"
        dataset.PatientBirthDate = dataset.PatientSex = dataset.AccessionNumber = dataset.StudyID = ""
        dataset.StudyDate, dataset.StudyTime = "20030323", "110000"
        dataset.Rows, dataset.Columns, dataset.InstanceNumber = *SHAPE[1:], z + 1
        dataset.ImageOrientationPatient = [float(f"{c:.10f}") for c in orientation]
        dataset.ImagePositionPatient = [
            float(f"{mm:.8f}") for mm in np.array([5, -7, 11]) + 3 * z * np.cross(row, column)
        ]
        dataset.PixelSpacing, dataset.SliceThickness = [1.5, 2.0], 3.0
        slices.append(dataset)
    return slices


def write_seg(path, masks, orientation, kind="BINARY"):
    descriptions = [
        highdicom.seg.SegmentDescription(
            segment_number=number + 1,
            segment_label=f"organ {number + 1}",
            segmented_property_category=codes.SCT.Organ,
            segmented_property_type=codes.SCT.Liver,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number in range(masks.shape[-1])
    ]
    highdicom.seg.Segmentation(
        source_images=ct_slices(orientation),
        pixel_array=masks,
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid=pydicom.uid.generate_uid(),
        series_number=9,
        sop_instance_uid=pydicom.uid.generate_uid(),
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="m",
        software_versions="1",
        device_serial_number="1",
        omit_empty_frames=True,
    ).save_as(path)
    return path


@pytest.mark.parametrize("orientation", [np.array([1.0, 0, 0, 0, 1, 0]), OBLIQUE], ids=["axial", "oblique"])
def test_segments_lie_where_highdicom_put_them(tmp_path, orientation):
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:3, 2:5, 1:4] = 1
    labels[4, 1:3, 5:7] = 2  # slices 0, 3 and 5 are empty, and left out of the file
    masks = np.stack([labels == 1, labels == 2], -1).astype(np.uint8)
    image = SegFile(write_seg(tmp_path / "seg.dcm", masks, orientation)).read()
    row, column = np.reshape(orientation, (2, 3))
    for z, y, x in np.ndindex(SHAPE):
        place_mm = np.array([5, -7, 11]) + 2.0 * x * row + 1.5 * y * column + 3 * z * np.cross(row, column)
        index = image.TransformPhysicalPointToIndex(place_mm)
        inside = all(0 <= i < n for i, n in zip(index, image.GetSize(), strict=True))
        assert (image[index] if inside else 0) == labels[z, y, x]
    assert sitk.GetArrayFromImage(image).any()


def test_overlapping_and_fractional_segments_are_refused(tmp_path):
    masks = np.zeros((*SHAPE, 2), np.uint8)
    masks[2, 2:5, 2:5] = 1
    with pytest.raises(CaseRefused, match="overlap"):
        SegFile(write_seg(tmp_path / "overlap.dcm", masks, OBLIQUE)).read()
    fractional = write_seg(tmp_path / "fractional.dcm", masks.astype(np.float32) / 2, OBLIQUE, kind="FRACTIONAL")
    with pytest.raises(CaseRefused, match="only BINARY"):
        SegFile(fractional).read()


def test_damaged_segmentation_is_refused(tmp_path):
    masks = np.ones((*SHAPE, 1), np.uint8)
    path = write_seg(tmp_path / "seg.dcm", masks, OBLIQUE)
    data = path.read_bytes()
    for n_bytes in (0, 50, len(data) - 10):
        path.write_bytes(data[:n_bytes])
        with pytest.raises(CaseRefused, match=r"seg\.dcm"):
            SegFile(path).read()
