"""The site is built without a warning, from the folder docs/ as it is, and needs no network."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.conftest import REPOSITORY

pytest.importorskip("mkdocs", reason='the site needs: pip install "genesis-optimize[docs]"')
LOADED = re.compile(r"<(?:script|img|iframe|source|video)[^>]+?src=\"?([^\"\s>]+)|<link[^>]+?href=\"?([^\"\s>]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built strictly: a link that leads nowhere, a page without a place, an unknown formula fail it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=REPOSITORY,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


def pages(site: Path) -> dict[str, str]:
    """Pages by name; replays of the gallery, where they have been made, are none."""
    names = {str(file.relative_to(site)): file for file in site.rglob("*.html")}
    return {name: file.read_text() for name, file in names.items() if not name.startswith("gallery/")}


@pytest.mark.slow
def test_every_page_is_there_and_has_its_place_in_the_navigation(site) -> None:
    for page in (REPOSITORY / "docs").rglob("*.md"):
        made = site / page.relative_to(REPOSITORY / "docs").with_suffix(".html")
        assert 'class="md-nav__item md-nav__item--active"' in made.read_text(), f"{page}: not in the navigation"
    assert "Gradient-based optimisation through physics" in (site / "index.html").read_text()


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(site) -> None:
    for name, page in pages(site).items():
        found = [a or b for a, b in LOADED.findall(page)]
        assert [url for url in found if "//" in url and not url.startswith("data:")] == [], name
        for url in found:
            target = url.partition("?")[0].partition("#")[0]
            if target and not url.startswith(("data:", "/")) and name != "404.html":
                assert (site / name).parent.joinpath(target).exists(), f"{name}: {url}"
    css = "".join(file.read_text() for file in (site / "assets").rglob("*.css"))
    assert re.findall(r"url\(\s*[\"']?(https?:)?//", css) == []


@pytest.mark.slow
def test_formulas_are_drawn_by_the_browser_alone(site) -> None:
    made = pages(site)
    assert made["contact.html"].count("<math") > 50
    for name, page in made.items():
        text = re.sub(r"<(pre|code|title)\b.*?</\1>", "", page, flags=re.DOTALL)
        assert r"\(" not in text and "arithmatex" not in text, name


@pytest.mark.slow
def test_links_to_files_of_the_project_lead_to_pages_that_show_them(site) -> None:
    step = (site / "one_step.html").read_text()
    assert 'href="source/genesis/dynamics/euler.py.html"' in step
    shown = re.sub(r"<[^>]*>", "", (site / "source/genesis/dynamics/euler.py.html").read_text())
    assert html.unescape(shown).count((REPOSITORY / "genesis/dynamics/euler.py").read_text().strip()) == 1
    assert 'href="benchmarks.html"' in (site / "sysid.html").read_text()


@pytest.mark.slow
def test_the_search_works_on_files(site) -> None:
    assert (site / "search" / "search_index.js").read_text().startswith("var __index = ")
    assert '<script src="make/iframe-worker.js"' in (site / "index.html").read_text()
