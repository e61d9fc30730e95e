"""Pages opened in headless Chromium: what they print on the console, how wide they are, what is in them."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu-sandbox --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader --disable-quic "
    "--no-first-run --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars"
).split()
SCHEMES = {"light": "1", "dark": "0"}

browser = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")]


@dataclass
class Opened:
    """console: what a page has written there. views: by width what `MEASURE` finds."""

    console: list[str]
    views: dict[int, dict]


# In each frame: width of the content, elements that stick out, ids of sections, and what a click on the first button leads to.
MEASURE = """
const page = document.getElementById("page").textContent, found = {};
const pause = ms => new Promise(done => setTimeout(done, ms));
async function measure(width) {
  const frame = document.createElement("iframe");
  frame.style = `width:${width}px;height:900px;border:0`;
  frame.srcdoc = page;
  const loaded = new Promise(done => frame.onload = done);
  document.body.append(frame);
  await loaded;
  const inner = frame.contentDocument, root = inner.documentElement;
  const out = [...inner.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width + 1 && !e.closest(".scroll"));
  found[width] = {
    scroll: root.scrollWidth, out: out.slice(0, 5).map(e => `${e.tagName}.${e.className}`),
    sections: [...inner.querySelectorAll("section[id]")].map(e => e.id), figures: inner.querySelectorAll("figure svg").length,
    empty: [...inner.querySelectorAll("figure svg")].filter(e => e.querySelectorAll("path").length < 4).length,
  };
  const button = inner.querySelector("#replay button");
  if (button) { button.click(); await pause(1500); found[width].replay = inner.querySelector("#replay iframe")?.srcdoc.length ?? 0; }
  frame.remove();
}
(async () => { for (const width of WIDTHS) await measure(width); document.getElementById("found").textContent = JSON.stringify(found); })();
"""


def chromium(folder: Path, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Chromium on a page, with a profile of its own."""
    assert CHROMIUM is not None
    words = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *more, url]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)


def opened(page: Path, folder: Path, widths: tuple[int, ...] = (1280, 400)) -> Opened:
    """A page at several widths."""
    around = folder / "around.html"
    script = MEASURE.replace("WIDTHS", json.dumps(widths))
    kept = f'<textarea id="page" hidden>{escape(page.read_text())}</textarea><pre id="found"></pre>'
    around.write_text(f'<meta charset="utf-8"><body>{kept}<script>{script}</script>')
    done = chromium(
        folder, around.as_uri(), "--dump-dom", "--virtual-time-budget=20000", "--enable-logging=stderr", "--window-size=1400,1000"
    )
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None and found.group(1), done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Opened(console, {int(width): view for width, view in json.loads(unescape(found.group(1))).items()})


def screenshot(
    page: Path, picture: Path, folder: Path, *, scheme: str = "light", width: int = 1280, height: int = 1600, section: str = ""
) -> Path:
    """A picture of the upper part of a page, or of what follows the beginning of one of its sections."""
    url = page.resolve().as_uri()
    if section:
        moved = folder / "moved.html"
        before = f'while (document.querySelector("#{section}").previousElementSibling) document.querySelector("main").children[0].remove()'
        script = f"<script>{before}; document.getElementById('{section}').style.margin = 0</script>"
        moved.write_text(page.read_text() + script)
        url = moved.as_uri()
    chromium(
        folder, url, f"--screenshot={picture}", f"--window-size={width},{height}", "--virtual-time-budget=8000",
        f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
    )  # fmt: skip
    return picture


def printed(page: Path, target: Path, folder: Path) -> Path:
    """The page as a PDF, as a printer gets it."""
    chromium(folder, page.resolve().as_uri(), f"--print-to-pdf={target}", "--no-pdf-header-footer", "--virtual-time-budget=4000")
    return target
