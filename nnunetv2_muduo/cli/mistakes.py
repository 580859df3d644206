"""What a command says of a user's mistake: one place where errors of files and disks become a sentence with the file.

Faults of this package (`KeyError`, `TypeError` and their like) are no such mistakes: they keep their traceback.
"""

import errno

MISTAKES = (ValueError, OSError, RuntimeError)
_SENTENCES = {
    errno.ENOENT: "{file} is not there. Correct the path, or make the folder that it is in.",
    errno.EACCES: "{file} may not be read or written by you. Change its permissions, or name another place.",
    errno.EROFS: "{file} lies on a disk that can't be written. Name another place.",
    errno.EISDIR: "{file} is a folder, where a file is needed. Name a file.",
    errno.ENOTDIR: "{file} is a file or lies below one, where a folder is needed. Name a folder.",
    errno.EEXIST: "{file} is there already. Name another place, or remove it.",
    errno.ENOSPC: "the disk is full: {file} could not be written whole. Make room, then run the command again.",
    errno.EFBIG: "{file} has grown beyond what may be written (see `ulimit -f`). Name another place.",
    errno.ENAMETOOLONG: "the name {file} is too long. Choose a shorter one.",
}
_SENTENCES |= {errno.EPERM: _SENTENCES[errno.EACCES], errno.EDQUOT: _SENTENCES[errno.ENOSPC]}


def sentence(error: Exception) -> str:
    """What is wrong with which file, and what to do; the error's own words where it is none of the operating system's."""
    if not isinstance(error, OSError) or error.errno is None:
        return str(error) or type(error).__name__
    file = error.filename2 or error.filename or "a file"
    return _SENTENCES.get(error.errno, f"{{file}}: {error.strerror}.").replace("{file}", str(file))
