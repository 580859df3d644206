"""Cases of a conversion: those that are accepted so far, and why the others are refused."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from nnunetv2_muduo.conversion.cases import Case


class CaseList:
    """Every case starts as accepted; each step of the conversion says which ones it refuses.

    accepted: by name. refused: reasons by name; a file of the data set that is refused stands among them by its path.
    """

    def __init__(self, cases: list[Case]):
        self.accepted = {case.case_id: case for case in cases}
        self.refused: dict[str, str] = {}
        self._sources = {case.case_id: f"{case}: " for case in cases if case.original}

    def refuse(self, reasons: Mapping[str, str]) -> None:
        """Take cases out of the accepted ones; the reason says whose pseudonym a name is."""
        self.accepted = {case_id: case for case_id, case in self.accepted.items() if case_id not in reasons}
        self.refused |= {case_id: self._sources.get(case_id, "") + why for case_id, why in reasons.items()}

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Add what has been refused to the message of a ValueError, since that is often its cause."""
        try:
            yield
        except ValueError as error:
            reasons = (f"{case_id} was refused: {why}" for case_id, why in self.refused.items())
            raise ValueError("\n".join([str(error), *reasons])) from error


def same_names(cases: list[Case]) -> dict[str, str]:
    """Names that several cases would get, with the reason for which all of these are refused."""
    by_id: dict[str, list[Case]] = {}
    for case in cases:
        by_id.setdefault(case.case_id, []).append(case)
    return {
        case_id: same[0].problem or f"{len(same)} cases would get this name: " + ", ".join(map(str, same))
        for case_id, same in by_id.items()
        if len(same) > 1
    }
