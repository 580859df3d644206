"""The notebook runs from top to bottom, as it is stored: without outputs."""

from pathlib import Path

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"


def texts(cell) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def test_it_is_stored_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert all(cell.execution_count is None and not cell.outputs for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.slow
def test_every_cell_runs_and_says_what_it_should(tmp_path, monkeypatch):
    from nbclient import NotebookClient

    root = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", root)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    printed = "\n".join(texts(cell) for cell in notebook.cells if cell.cell_type == "code")
    assert "6 studies" in printed
    assert "{'imagesTr': 3, 'imagesTs': 1, 'imagesUn': 1}" in printed
    dice = float(printed.split("Dice ")[1].split(",")[0])
    assert dice > 0.7
    pictures = [out for cell in notebook.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(pictures) == 1
    assert (tmp_path / "quickstart_files" / "raw" / "Dataset705_AutoPET" / "dataset.json").is_file()
