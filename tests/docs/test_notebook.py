"""The notebook of the documentation: its cells, executed, give the outputs that are stored in it."""

import pytest

from tests.docs.conftest import REPOSITORY

nbformat = pytest.importorskip("nbformat", reason='the notebook needs: pip install "genesis-optimize[docs]"')
pytest.importorskip("nbclient", reason='the notebook needs: pip install "genesis-optimize[docs]"')
pytest.importorskip("ipykernel", reason='the notebook needs: pip install "genesis-optimize[docs]"')

NOTEBOOK = REPOSITORY / "docs" / "notebook.ipynb"


def texts(cell) -> str:
    """What a cell printed."""
    return "".join(output["text"] for output in cell.outputs if output.output_type == "stream")


def test_it_has_the_cells_of_its_script() -> None:
    import notebook_page

    stored = nbformat.read(NOTEBOOK, as_version=4).cells
    made = notebook_page.cells()
    assert [(cell.cell_type, cell.source) for cell in stored] == [(cell.cell_type, cell.source) for cell in made], (
        "run: python docs/make/notebook_page.py"
    )


@pytest.mark.slow
def test_it_runs_and_prints_what_is_stored(tmp_path) -> None:
    import notebook_page

    stored = nbformat.read(NOTEBOOK, as_version=4)
    again = notebook_page.executed(nbformat.v4.new_notebook(cells=notebook_page.cells()), tmp_path)
    for old, new in zip(stored.cells, again.cells, strict=True):
        if old.cell_type == "code":
            assert texts(new) == texts(old), old.source
            assert [sorted(output.get("data", {})) for output in new.outputs] == [
                list(output.get("data", {})) for output in old.outputs
            ]
    assert (
        sum("image/png" in output.get("data", {}) for cell in again.cells if cell.cell_type == "code" for output in cell.outputs)
        == 1
    )
    assert list(tmp_path.iterdir()) == [], "nothing is written"
