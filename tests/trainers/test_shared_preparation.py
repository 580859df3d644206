"""Two preparations of one data set at once, in processes of their own: what one makes the other takes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import DATASET, generator_folders, missing

pytestmark = pytest.mark.slow

WORKER = """
import sys
sys.path.insert(0, {tests!r})
from nnunetv2_muduo.data import prompt_map_writing, unlabeled

def told(function, word):
    def tell(case, *args, **kwargs):
        print("MADE", word, case if isinstance(case, str) else case[0], flush=True)
        return function(case, *args, **kwargs)
    return tell

prompt_map_writing._make_prompt_map = told(prompt_map_writing._make_prompt_map, "map")
unlabeled.preprocess_case = told(unlabeled.preprocess_case, "case")
from support import prepare_tiny
prepare_tiny()
"""


def test_two_processes_make_everything_once(tiny_dataset_copy, tmp_path):
    command = [sys.executable, "-c", WORKER.format(tests=str(Path(__file__).parents[1]))]
    processes = [
        subprocess.Popen(command, env=os.environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    made = [found for output in outputs for found in re.findall(r"MADE (\w+) (\w+)", output)]  # amid progress bars
    expected = [(what, f"unlabeled_{i}") for what in ("case", "map") for i in range(4)]
    assert sorted(made) == expected
    trained = [line for output in outputs for line in output.splitlines() if "Training it on the fold" in line]
    assert len(trained) == len(generator_folders(tiny_dataset_copy)) == 1
    assert missing() == []
    prepared = tiny_dataset_copy / "pre" / DATASET / "nnUNetPlans_3d_fullres_unlabeled"
    assert list(prepared.rglob(".*.lock")) == []
