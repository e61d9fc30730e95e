"""The gallery has everything that ships, and says what its runs said."""

import json
import re

import gallery
import pytest

from tests.docs.conftest import REPOSITORY

DOCS = REPOSITORY / "docs"


def test_the_page_is_made_of_the_stored_results() -> None:
    results = json.loads((DOCS / "gallery" / "results.json").read_text())
    assert (DOCS / "gallery.md").read_text() == gallery.page(results), "run: python docs/make/gallery.py --page"
    missing = set(gallery.offered()) - set(results["runs"])
    assert all(gallery.offered()[name] == "sysid" and gallery.needs_data(name) for name in missing), (
        f"run: python docs/make/gallery.py {missing}"
    )
    assert {name for name, run in results["runs"].items() if run["status"] not in ("converged", "finished")} == set()
    for name in results["runs"]:
        with (DOCS / "gallery" / f"{name}.png").open("rb") as picture:
            assert picture.read(8) == b"\x89PNG\r\n\x1a\n"


def test_every_task_and_system_has_a_card_with_its_command_and_its_file() -> None:
    made = gallery.page({"machine": "a machine", "runs": {"reach": {"status": "converged", "iterations": 1, "seconds": 0.123}}})
    assert re.findall(r"^### (\w+)$", made, re.MULTILINE) == list(gallery.offered())
    ended = "converged after 1 iteration, 0.12 s · [reach.yaml](../configs/tasks/reach.yaml)<!-- replay reach -->"
    assert f"`genesis optimize task=reach`\n\n{ended}\n" in made
    assert "`genesis sysid system=so101 observation.folder=PATH`\n\nIts recordings do not ship" in made and "Not run yet" in made
    assert made.count("![") == 1 and "compiled before, on a machine." in made
    assert made.count("<div") == made.count("</div>")


def test_what_a_file_says_of_itself_is_its_first_sentence() -> None:
    assert gallery.told("reach", "optimize").startswith("A 7-joint arm learns")
    assert all(gallery.told(name, command)[0].isupper() for name, command in gallery.offered().items())
    assert not gallery.needs_data("simple_pendulum") and gallery.needs_data("so101")


def test_wrong_names_are_told(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["gallery.py", "reech"])
    with pytest.raises(SystemExit, match="2"):
        gallery.main()
    assert "reech: no such task or system; known: reach, trot" in capsys.readouterr().err
