"""Names of cases: one rule for files of data sets and for command lines, since paths are made of them."""

import re

ALLOWED = "letters, digits and _ - . , = @ + alone"
_SAFE_NAME = re.compile(r"[\w=@+][\w=@+.,-]*")  # nothing that a path, a shell or an option is made of


def is_safe_name(case: str) -> bool:
    """Whether a name holds `ALLOWED` alone and begins neither like a hidden file nor like an option."""
    return _SAFE_NAME.fullmatch(case) is not None


def is_safe_file_name(case: str) -> bool:
    """As `is_safe_name`, but with blanks between words, which names of labeled cases and predictions may have."""
    return all(is_safe_name(word) for word in re.split(" +", case))
