"""Time that the comparison of checksums adds to the start of a training.

    python -m benchmarks.speed.checksums --cases 20

Prepared files of made-up cases as large as those of AutoPET (CT and PET of 30 MB each, a map of 400 x 400 x 326 voxels) are read
as at the start of a training, from memory, not from a disk; a disk that reads 500 MB/s needs 120 ms for each case.
Other digests are shown beside sha256.
"""

import argparse
import hashlib
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nnunetv2_muduo.data.checksums import compare, digests_of_files, sealed
from nnunetv2_muduo.data.prompt_map_writing import write_prompt_map
from nnunetv2_muduo.data.prompt_maps import label_ranges, map_files
from nnunetv2_muduo.parallel import n_cores
from nnunetv2_muduo.storage import write_json

CHANNEL_BYTES, MAP_SHAPE = 30_000_000, (1, 326, 400, 400)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20)
    n = parser.parse_args().cases
    with tempfile.TemporaryDirectory() as folder:
        channels, maps = write_cases(Path(folder), n)
        s = seconds(lambda: compare(Path(folder), channels, digests_of_files()))
        print(f"checksums, {n_cores()} cores: {1000 * s / n:.0f} ms for each case")
        s = seconds(lambda: label_ranges()(maps))
        print(f"labels of prompt maps:    {1000 * s / n:.0f} ms for each case")
        content = channels["case_0"][0].read_bytes()
    for name, digest in {"sha256": hashlib.sha256, "blake2b": hashlib.blake2b, "crc32": zlib.crc32}.items():
        print(f"{name} on one core: {len(content) / 1e6 / seconds(lambda digest=digest: digest(content)):.0f} MB/s")


def write_cases(folder: Path, n: int) -> tuple[dict[str, list[Path]], list[Path]]:
    """Files of each case with their records, and the prompt maps."""
    rng, channels, maps = np.random.default_rng(0), {}, []
    organ_map = np.zeros(MAP_SHAPE, np.uint8)
    organ_map[:, 100:160, 100:200, 100:220] = 1
    for case in (f"case_{i}" for i in range(n)):
        channels[case] = [folder / f"{case}_{c:04d}.b2nd" for c in range(2)]
        for file in channels[case]:
            file.write_bytes(rng.bytes(CHANNEL_BYTES))
        write_json(sealed({}, channels[case]), folder / f"{case}.json")
        write_prompt_map(organ_map, folder, case, [1], [128, 128, 128])
        maps.append(map_files(folder, case)[0])
    return channels, maps


def seconds(job: Callable[[], object]) -> float:
    """Wall-clock time of a job."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
