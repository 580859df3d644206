"""DICOM segmentations written by highdicom, an independent implementation, and read by ours."""

import numpy as np
import pytest
import SimpleITK as sitk

pydicom = pytest.importorskip("pydicom")
highdicom = pytest.importorskip("highdicom")
from dicom_writer import ct_volume, write_series  # noqa: E402
from pydicom.dataset import FileMetaDataset  # noqa: E402
from pydicom.sr.codedict import codes  # noqa: E402
from pydicom.uid import ExplicitVRLittleEndian  # noqa: E402

from nnunetv2_muduo.conversion.dicom import DicomSeries  # noqa: E402
from nnunetv2_muduo.conversion.dicom_seg import SegFile  # noqa: E402
from nnunetv2_muduo.conversion.named_labels import WantedLabel  # noqa: E402
from nnunetv2_muduo.conversion.named_masks import name_findings  # noqa: E402
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


def write_seg(path, masks, orientation, kind="BINARY", names=None, number_of_segments=None):
    descriptions = [
        highdicom.seg.SegmentDescription(
            segment_number=number + 1,
            segment_label=names[number] if names else f"organ {number + 1}",
            segmented_property_category=codes.SCT.Organ,
            segmented_property_type=codes.SCT.Liver,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number in range(number_of_segments or masks.shape[-1])
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


def wanted(*names):
    return tuple(WantedLabel(name, (name.lower(),)) for name in names)


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


AXIAL = np.array([1.0, 0, 0, 0, 1, 0])
SPARSE = np.zeros(SHAPE, np.uint8)
SPARSE[1, 2:5, 1:4] = SPARSE[4, 1:3, 5:7] = 1
STEP_MM = 3.0


def change_spacing(path, **tags):
    """Set tags of the frames' pixel measures, or remove those that are None."""
    dataset = pydicom.dcmread(path)
    measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    for keyword, value in tags.items():
        measures.pop(keyword, None)
        if value is not None:
            setattr(measures, keyword, value)
    dataset.save_as(path)
    return path


def labels_by_place(image):
    """{index (z, y, x) on the grid of the CT: label} of all voxels, by their places in mm."""
    labels = sitk.GetArrayFromImage(image)
    found = {}
    for z, y, x in np.argwhere(labels):
        place_mm = np.array(image.TransformIndexToPhysicalPoint((int(x), int(y), int(z)))) - [5, -7, 11]
        index = tuple(np.rint(place_mm / [2.0, 1.5, STEP_MM]).astype(int)[::-1].tolist())
        assert place_mm == pytest.approx(index[::-1] * np.array([2.0, 1.5, STEP_MM]), abs=1e-4)
        found[index] = int(labels[z, y, x])
    return found


def expected_labels(labels):
    return {tuple(index): int(labels[tuple(index)]) for index in np.argwhere(labels).tolist()}


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"SpacingBetweenSlices": None},
        {"SliceThickness": None},
        {"SpacingBetweenSlices": None, "SliceThickness": 1.5},
        {"SpacingBetweenSlices": 3.0004},
    ],
    ids=["as written", "thickness alone", "spacing alone", "thinner slices", "rounded"],
)
def test_sparse_segmentations_keep_the_distance_of_slices(tmp_path, tags):
    path = change_spacing(write_seg(tmp_path / "seg.dcm", SPARSE[..., None], AXIAL), **tags)
    image = SegFile(path).read()
    assert labels_by_place(image) == expected_labels(SPARSE)
    if tags.get("SliceThickness") != 1.5:
        assert image.GetSpacing()[2] == pytest.approx(STEP_MM, abs=1e-3)
    assert image.GetSize()[2] * image.GetSpacing()[2] < 13  # 4 slices, from the first to the last one


def ct_series(folder):
    """The CT of `ct_slices`, with pixels."""
    volume = ct_volume(shape=SHAPE)
    write_series(folder, volume, "CT", spacing_mm=(2.0, 1.5, STEP_MM), origin_mm=(5.0, -7.0, 11.0))
    return DicomSeries(tuple(sorted(folder.iterdir())))


@pytest.mark.parametrize(
    "tags",
    [
        {"SpacingBetweenSlices": None, "SliceThickness": None},
        {"SpacingBetweenSlices": 9.0},
        {"SpacingBetweenSlices": None, "SliceThickness": 9.0},
        {"SpacingBetweenSlices": None, "SliceThickness": 4.0},
    ],
    ids=["nothing", "distance of the frames", "thick slices", "overlapping slices"],
)
def test_the_segmented_series_knows_the_distance_of_slices(tmp_path, tags):
    path = change_spacing(write_seg(tmp_path / "seg.dcm", SPARSE[..., None], AXIAL), **tags)
    image = SegFile(path, (ct_series(tmp_path / "ct"),)).read()
    assert image.GetSpacing()[2] == pytest.approx(STEP_MM)
    assert labels_by_place(image) == expected_labels(SPARSE)


def test_slices_at_an_unknown_distance_are_refused(tmp_path):
    path = write_seg(tmp_path / "seg.dcm", SPARSE[..., None], AXIAL)
    for thickness_mm in (None, 2.0):  # the frames are 9 mm apart
        change_spacing(path, SpacingBetweenSlices=None, SliceThickness=thickness_mm)
        with pytest.raises(CaseRefused, match=r"not evenly spaced: \[9.0\] mm apart"):
            SegFile(path).read()


def test_all_slices_without_any_distance(tmp_path):
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:5, 2:5, 1:4] = 1
    path = write_seg(tmp_path / "seg.dcm", labels[..., None], AXIAL)
    for thickness_mm in (None, 2.0, 5.0):
        change_spacing(path, SpacingBetweenSlices=None, SliceThickness=thickness_mm)
        image = SegFile(path).read()
        assert image.GetSpacing()[2] == pytest.approx(STEP_MM)
        assert labels_by_place(image) == expected_labels(labels)


def test_one_slice(tmp_path):
    labels = np.zeros(SHAPE, np.uint8)
    labels[2, 2:5, 1:4] = 1
    path = change_spacing(write_seg(tmp_path / "seg.dcm", labels[..., None], AXIAL), SpacingBetweenSlices=None)
    image = SegFile(path).read()
    assert image.GetSize()[2] == 1
    assert image.GetSpacing()[2] == pytest.approx(STEP_MM)
    assert labels_by_place(image) == expected_labels(labels)


def test_frames_in_any_order(tmp_path):
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:5, 2:5, 1:4], labels[2:4, 0:2, 5:7] = 1, 2
    masks = np.stack([labels == 1, labels == 2], -1).astype(np.uint8)
    path = write_seg(tmp_path / "seg.dcm", masks, AXIAL)
    dataset = pydicom.dcmread(path)
    frames = dataset.pixel_array
    order = np.random.default_rng(0).permutation(len(frames))
    groups = list(dataset.PerFrameFunctionalGroupsSequence)
    dataset.PerFrameFunctionalGroupsSequence = pydicom.Sequence([groups[i] for i in order])
    packed = np.packbits(frames[order].ravel(), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    dataset.save_as(path)
    assert labels_by_place(SegFile(path).read()) == expected_labels(labels)


@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE], ids=["axial", "oblique"])
def test_label_maps_as_segmentations(tmp_path, orientation):
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:3, 2:5, 1:4], labels[4, 1:3, 5:7] = 1, 2
    masks = np.stack([labels == 1, labels == 2], -1).astype(np.uint8)
    binary = SegFile(write_seg(tmp_path / "binary.dcm", masks, orientation)).read()
    path = write_seg(tmp_path / "map.dcm", labels, orientation, "LABELMAP", number_of_segments=2)
    assert pydicom.dcmread(path).SegmentationType == "LABELMAP"
    image = SegFile(path).read()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(binary))
    assert image.GetOrigin() == pytest.approx(binary.GetOrigin())
    assert image.GetSpacing() == pytest.approx(binary.GetSpacing())
    assert name_findings(image)["label_names"] == {"1": "organ 1", "2": "organ 2"}


def test_segments_are_chosen_by_name(tmp_path):
    masks = np.zeros((*SHAPE, 3), np.uint8)
    masks[1:5, 1:6, 1:6, 0] = masks[2:4, 2:4, 2:4, 1] = masks[2, 3:5, 4:6, 2] = 1
    path = write_seg(tmp_path / "seg.dcm", masks, AXIAL, names=["Body", "Lesion", " lesion"])
    with pytest.raises(CaseRefused, match="'Body' and 'Lesion' overlap"):
        SegFile(path).read()
    image = SegFile(path, wanted=wanted("LESION")).read()
    found = name_findings(image)
    assert found["label_names"] == {"2": "LESION"}
    assert found["label_remarks"] == ["segments that labels.json doesn't name: Body"]
    lesions = masks[..., 1] | masks[..., 2]
    assert labels_by_place(image) == {index: 2 for index in expected_labels(lesions)}
    image = SegFile(path, wanted=wanted("body", "lesion")).read()
    assert labels_by_place(image) == expected_labels(np.where(lesions, 2, masks[..., 0]))


def test_shifted_frames_are_refused(tmp_path):
    path = write_seg(tmp_path / "seg.dcm", SPARSE[..., None], AXIAL)
    dataset = pydicom.dcmread(path)
    dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0].ImagePositionPatient[0] += 1
    dataset.save_as(path)
    with pytest.raises(CaseRefused, match="shifted sideways by up to"):
        SegFile(path).read()


def test_real_segmentation_of_a_tumor(shared_data):
    """Volume as the measurement report that belongs to it has it, 33.58 ml; see `sr.dcm` beside it."""
    image = SegFile(shared_data / "pet_report" / "seg.dcm").read()
    assert name_findings(image)["label_names"] == {"1": "Neoplasm, Primary"}
    n_voxels = int((sitk.GetArrayFromImage(image) == 1).sum())
    assert n_voxels == sum(
        int(frame.sum()) for frame in pydicom.dcmread(shared_data / "pet_report" / "seg.dcm").pixel_array
    )
    assert image.GetSpacing() == pytest.approx((3.537818, 3.537818, 3.375))
    assert n_voxels * np.prod(image.GetSpacing()) / 1000 == pytest.approx(33.58, abs=0.01)
