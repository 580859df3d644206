"""Writing RTSTRUCT files of contours in mm for tests, and a slow rasterizer that shares nothing with the package's."""

import numpy as np
import pydicom
from dicom_writer import uid
from matplotlib.path import Path as Polygon
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"


def circle(center_mm, radius_mm, n_points=60, u=(1, 0, 0), v=(0, 1, 0)):
    """(n, 3) points of a circle in the plane of two unit vectors."""
    angles = np.linspace(0, 2 * np.pi, n_points, endpoint=False)[:, None]
    return np.asarray(center_mm) + radius_mm * (np.cos(angles) * np.asarray(u) + np.sin(angles) * np.asarray(v))


def box(low_xy_mm, high_xy_mm, z_mm):
    (x0, y0), (x1, y1) = low_xy_mm, high_xy_mm
    return np.array([(x0, y0, z_mm), (x1, y0, z_mm), (x1, y1, z_mm), (x0, y1, z_mm)], float)


def write_rtstruct(path, image_folder, rois, **options):
    """RTSTRUCT of {name: [contour, or (geometric type, contour)]} drawn on the slices of a series.

    Options: `patient`, `study`, `series` replace the images' own; `refers` says where the series stands: in the contours, in
    the study's reference, or nowhere.
    """
    slices = [pydicom.dcmread(one, stop_before_pixels=True) for one in sorted(image_folder.iterdir())]
    refers = options.get("refers", ("contours", "study"))
    dataset = _header(slices[0], options)
    frame = Dataset()
    frame.FrameOfReferenceUID = slices[0].FrameOfReferenceUID
    if "study" in refers:
        series, study = Dataset(), Dataset()
        series.SeriesInstanceUID = slices[0].SeriesInstanceUID
        study.RTReferencedSeriesSequence = Sequence([series])
        frame.RTReferencedStudySequence = Sequence([study])
    dataset.ReferencedFrameOfReferenceSequence = Sequence([frame])
    dataset.StructureSetROISequence, dataset.ROIContourSequence = Sequence(), Sequence()
    for number, (name, contours) in enumerate(rois.items(), options.get("first_number", 1)):
        roi, item = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        roi.ReferencedFrameOfReferenceUID = slices[0].FrameOfReferenceUID
        item.ReferencedROINumber = number
        item.ContourSequence = Sequence([_contour(one, slices, "contours" in refers) for one in contours])
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(item)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def _header(image, options):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = RTSTRUCT_CLASS
    number = options.get("number", 1)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid("rs", image.SeriesInstanceUID, number)
    dataset.SeriesInstanceUID = uid("rs series", image.SeriesInstanceUID, number)
    dataset.StudyInstanceUID = options.get("study", image.StudyInstanceUID)
    dataset.PatientID, dataset.Modality = options.get("patient", image.PatientID), "RTSTRUCT"
    return dataset


def _contour(contour, slices, refers):
    kind, points_mm = contour if isinstance(contour, tuple) else ("CLOSED_PLANAR", contour)
    item = Dataset()
    item.ContourGeometricType, item.NumberOfContourPoints = kind, len(points_mm)
    item.ContourData = [f"{number:.6f}" for number in np.ravel(points_mm)]
    if refers:
        image = Dataset()
        image.ReferencedSOPClassUID = slices[0].SOPClassUID
        image.ReferencedSOPInstanceUID = min(slices, key=lambda one: _distance_mm(one, points_mm[0][:3])).SOPInstanceUID
        item.ContourImageSequence = Sequence([image])
    return item


def _distance_mm(image, point_mm):
    normal = np.cross(*np.reshape(np.asarray(image.ImageOrientationPatient, float), (2, 3)))
    return abs(normal @ (np.asarray(image.ImagePositionPatient, float) - point_mm))


def reference_mask(image, contours):
    """Voxels [z, y, x] of a SimpleITK image that lie in contours in mm: one by one, by their places, with matplotlib.

    A voxel lies in a contour if the contour's plane is within half a slice of its center, and in all if in an odd number.
    """
    x, y, z = (axis.ravel() for axis in np.meshgrid(*map(np.arange, image.GetSize()), indexing="ij"))
    axes = np.reshape(image.GetDirection(), (3, 3))
    points_mm = np.stack([x, y, z], 1) * np.asarray(image.GetSpacing()) @ axes.T + np.asarray(image.GetOrigin())
    inside = np.zeros(len(points_mm), int)
    for contour in contours:
        flat = (contour - contour[0]) @ axes
        seen = (points_mm - contour[0]) @ axes
        near = np.abs(seen[:, 2]) <= image.GetSpacing()[2] / 2
        inside[near] += Polygon(flat[:, :2]).contains_points(seen[near, :2])
    mask = np.zeros(image.GetSize()[::-1], bool)
    mask[z, y, x] = inside % 2 == 1
    return mask
