"""Which CT belongs to which PET of a study: the one in its frame of reference."""

from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase

from nnunetv2_muduo.conversion.dicom_series import Series


@dataclass(frozen=True)
class Wanted:
    """Which series to take where a study has several."""

    ct: str = ""
    pet: str = ""
    """Their whole description, a pattern of it with * and ?, or a text in it, in this order; case doesn't matter."""
    ignore_frame_of_reference: bool = False
    """Whether the only CT of a study belongs to its PET even where their frames of reference differ."""

    def choose(self, series: list[Series], modality: str) -> list[Series]:
        """Series of a modality that are described so: by the text itself, or where none is, by what matches or holds it."""
        text = {"CT": self.ct, "PT": self.pet}[modality].casefold()
        described = [(one, one.SeriesDescription.strip().casefold()) for one in series if one.Modality == modality]
        exact = [one for one, description in described if text and description == text]
        return exact or [one for one, description in described if _matches(description, text)]


def _matches(description: str, text: str) -> bool:
    if "*" in text or "?" in text:
        return fnmatchcase(description, text.replace("[", "[[]"))
    return text in description


@dataclass(frozen=True, eq=False)
class Pair:
    """A PET with its CT."""

    pet: Series
    pets: tuple[Series, ...]
    """All PETs in this place, of which a case can have one; the PET is among them."""
    cts: tuple[Series, ...]
    """All CTs in this place."""
    other_cts: tuple[Series, ...] = ()
    """CTs of the study that are not taken: of another frame of reference, or described otherwise."""
    is_named_by_study: bool = True
    """Whether the study's name is enough to name the case."""
    ignores_frame_of_reference: bool = False
    pages: tuple[Series, ...] = ()
    """Series of the study that are left aside as pages, though they don't say that they are none of a volume."""

    def has(self, uids: set[str]) -> tuple[bool, bool]:
        """Whether the PET, and whether a CT, is one of these series."""
        return self.pet.SeriesInstanceUID in uids, any(ct.SeriesInstanceUID in uids for ct in self.cts)

    @property
    def problem(self) -> str:
        """Why there is no case to make of it, if so."""
        pet = self.pet
        if not pet.PatientID:
            return f"{pet}: PatientID (0010,0020) is missing, so patients can't be kept apart"
        if not pet.FrameOfReferenceUID and not self.ignores_frame_of_reference:
            return f"{pet}: FrameOfReferenceUID (0020,0052) is missing, so no CT can be paired with it; {self._way_round()}"
        if not self.cts:
            return f"{pet}: a PET without its CT ({self._why_no_ct()}); {self._way_round()}"
        for series, option in ((self.pets, "--pet-description"), (self.cts, "--ct-description")):
            if len(series) > 1:
                several = "; ".join(map(str, series))
                alike = len({one.SeriesDescription for one in series}) == 1
                way = "whose descriptions are equal, remove all but one" if alike else f"choose by {option} TEXT"
                return f"{len(series)} {series[0].Modality} series for one case, {way}: {several}"
        return "; ".join(dict.fromkeys(one.problem for one in (pet, *self.cts) if one.problem))

    @property
    def remark(self) -> str:
        """What the report should say of how it was found."""
        n_aside = [(one.n_left_aside, one) for one in (self.pet, *self.cts) if one.n_left_aside]
        aside = [f"{n} page{'s' if n > 1 else ''} of {one} left aside, no slices of it" for n, one in n_aside]
        aside += [f"{one} left aside, no volume" for one in self.pages]
        frames = "CT and PET have different frames of reference or none (--ignore-frame-of-reference)"
        return "; ".join(([frames] if self.ignores_frame_of_reference else []) + aside)

    def _why_no_ct(self) -> str:
        here = [one for one in self.other_cts if one.FrameOfReferenceUID == self.pet.FrameOfReferenceUID]
        if here:
            return "none is described as --ct-description says, there are " + "; ".join(map(str, here))
        return "none in this study has its frame of reference, FrameOfReferenceUID (0020,0052)"

    def _way_round(self) -> str:
        n_cts = len(self.other_cts)
        way = "--ignore-frame-of-reference takes the only CT of the study"
        return way if n_cts == 1 else f"{way}; here are {n_cts}"


def pairs_of_study(series: list[Series], wanted: Wanted) -> list[Pair]:
    """One pair per PET of a study that may be used, with or without its CT.

    Where several frames of reference have a PET and a CT, the study's name doesn't tell the cases apart. What else a study
    holds, PETs without a CT included, changes no case's name.
    """
    usable = [one for one in series if one.Modality in ("CT", "PT") and one.may_be_used]
    images = without_pages(usable)
    places = _places(images, wanted)
    n_whole = sum(bool(cts) and not ignores for _, cts, ignores in places)
    return [
        Pair(
            pet,
            tuple(pets),
            tuple(cts),
            other_cts=tuple(one for one in images if one.Modality == "CT" and one not in cts),
            is_named_by_study=len(places) == 1 or (bool(cts) and not ignores and n_whole == 1),
            ignores_frame_of_reference=ignores,
            pages=tuple(one for one in usable if one not in images),
        )
        for pets, cts, ignores in places
        for pet in pets
    ]


def _places(images: list[Series], wanted: Wanted) -> list[tuple[list[Series], list[Series], bool]]:
    """(PETs, CTs, whether their frames of reference are ignored) that belong together."""
    frames = defaultdict(list)
    for one in images:
        frames[one.FrameOfReferenceUID].append(one)
    places = [(wanted.choose(frames[frame], "PT"), wanted.choose(frames[frame], "CT"), frame) for frame in frames]
    places = [place for place in places if place[0]]
    cts = wanted.choose(images, "CT")
    if not wanted.ignore_frame_of_reference or len(cts) != 1:
        return [(*place[:2], False) for place in places]
    whole = [(*place[:2], False) for place in places if place[1] and place[2]]
    lonely = [pet for pets, own_cts, frame in places if not (own_cts and frame) for pet in pets]
    return whole + ([(lonely, cts, True)] if lonely else [])


def without_pages(series: list[Series]) -> list[Series]:
    """The series of one study without those that are a few pages, where there is one of the same modality that is a volume.

    Pages that look like slices of a volume stay: they may be slices of it whose SeriesInstanceUID was altered.
    """
    volumes = [one for one in series if one.is_volume]
    modalities = {one.Modality for one in volumes}
    looks = {_look(one) for one in volumes}
    return [one for one in series if one.is_volume or one.Modality not in modalities or _look(one) in looks]


def _look(series: Series) -> tuple:
    return tuple(getattr(series, tag) for tag in ("Modality", "SeriesDescription", "ImageType", "Rows", "Columns"))
