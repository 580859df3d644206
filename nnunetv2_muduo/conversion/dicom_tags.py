"""pydicom, and tags of DICOM headers, which may be missing, empty or hold what they may not."""

from nnunetv2_muduo.imageio.refusal import CaseRefused


class MissingTag(CaseRefused):
    """A tag that is needed, for SUV or for a place in space, is missing or can't be read."""


def import_pydicom():
    """The pydicom module. Raises RuntimeError that says how to install it."""
    try:
        import pydicom
    except ImportError as error:
        raise RuntimeError("DICOM needs pydicom: pip install 'nnunetv2_muduo[dicom]'") from error
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE  # over-long texts are common, and harmless
    return pydicom


def required(dataset, keyword: str):
    """Value of a tag of a pydicom data set. Raises MissingTag that names a tag that is missing, empty or unreadable."""
    value = _readable(dataset, keyword)
    if value in (None, "") or (hasattr(value, "__len__") and not len(value)):
        raise MissingTag(f"{tag_name(keyword)} is missing")
    return value


def _readable(dataset, keyword: str):
    try:
        return dataset.get(keyword)
    except ValueError as error:  # pydicom makes sense of bytes when they are asked for
        raise MissingTag(f"{tag_name(keyword)} can't be read ({error})") from error


def required_numbers(dataset, keyword: str) -> tuple[float, ...]:
    """Values of a numeric tag, one or several. Raises MissingTag that names a tag that is missing or holds other text."""
    values = required(dataset, keyword)
    try:
        return tuple(map(float, values if hasattr(values, "__len__") and not isinstance(values, str) else [values]))
    except ValueError as error:
        raise MissingTag(f"{tag_name(keyword)} can't be read ({error})") from error


def tag_name(keyword: str) -> str:
    """Keyword of a tag and its number, as messages name it."""
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword)
    return f"{keyword} ({tag >> 16:04x},{tag & 0xFFFF:04x})"


def number_or_zero(dataset, keyword: str) -> float:
    """Value of a numeric tag, 0 where it is missing or empty. Raises MissingTag where it holds other text."""
    return required_numbers(dataset, keyword)[0] if _readable(dataset, keyword) else 0.0


def positive_number(dataset, keyword: str) -> float:
    """Value of a numeric tag. Raises MissingTag where it is missing or not above 0."""
    value = required_numbers(dataset, keyword)[0]
    if not value > 0:
        raise MissingTag(f"{keyword} is {value:g}")
    return value
