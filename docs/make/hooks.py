"""What MkDocs is told beyond mkdocs.yml: pages from files outside docs/, links that hold on both sides, formulas without a script.

A link in a page is one of this repository, so that it works where the files are read as they are. On the site a file of docs/ is its page,
README.md the first one, and any other file that is linked a page that shows it.
"""

import html
import json
import os
import posixpath
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

REPOSITORY = Path(__file__).resolve().parents[2]
#: Files outside docs/ that are pages of their own, and where.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
    "docs/notebook.ipynb": "notebook.md",
}
LINK = re.compile(r"(?<=\]\()([^)\s#]+)((?:#[^)\s]*)?)(?=[)\s])")
FENCE = re.compile(r"(^ *```.*?^ *```|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
WIDE = {"index.md": ["navigation"], "gallery.md": ["toc"]}  # what is hidden of pages that need the width
REPLAY = re.compile(r"<!-- replay (\w+) -->")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".xml": "xml", ".urdf": "xml", ".md": "markdown"}
#: What the converter of formulas does not know, in words that it knows.
WORDS = {
    r"\ominus": r"\boxminus",
    r"\lVert": r"\|",
    r"\rVert": r"\|",
    r"\succeq": r"⪰",
}


def place(path: str) -> str:
    """Where a file of the repository is on the site."""
    if path in PAGES:
        return PAGES[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else f"source/{path}.md"


def on_config(config: Any) -> Any:
    """A page that nav does not name has its place at the end of `Use`, under its own title."""
    named = set(names(config.nav))
    (section,) = [entry["Use"] for entry in config.nav if "Use" in entry]
    for file in sorted((REPOSITORY / "docs").rglob("*.md")):
        page = file.relative_to(REPOSITORY / "docs").as_posix()
        if page not in named:
            section.append({file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# "): page})
    return config


def names(nav: Any) -> list[str]:
    """Pages of a navigation."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [name for part in parts for name in names(part)]


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie outside docs/, and one for each source file that a page links to."""
    for path, page in PAGES.items():
        file = REPOSITORY / path
        if file.exists():
            text = notebook(file) if file.suffix == ".ipynb" else file.read_text(encoding="utf-8")
            files.append(File.generated(config, page, content=text))
    written = {path: REPOSITORY / path for path in PAGES if path.endswith(".md")}
    written |= {f"docs/{file.src_uri}": REPOSITORY / "docs" / file.src_uri for file in files if file.src_uri.endswith(".md")}
    for path, file in written.items():
        for target in linked(path, file.read_text(encoding="utf-8") if file.exists() else ""):
            page = place(target)
            if page.startswith("source/") and files.get_file_from_path(page) is None:
                files.append(File.generated(config, page, content=source(target)))
    return files


def linked(path: str, text: str) -> list[str]:
    """Files of the repository that a page links to; what is in code is no link."""
    targets = [match[1] for match in LINK.finditer(FENCE.sub("", text)) if "://" not in match[1]]
    found = [posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) for target in targets]
    return [target for target in found if (REPOSITORY / target).is_file()]


def source(path: str) -> str:
    """The page that shows a file."""
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    return f"---\nhide: [toc]\nsearch: {{exclude: true}}\n---\n# `{path}`\n\n````{LANGUAGES.get(Path(path).suffix, 'text')}\n{text}\n````\n"


def notebook(file: Path) -> str:
    """The cells of a notebook with what they printed and drew."""
    parts = []
    for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            printed = "".join(output.get("text", data.get("text/plain", "")))
            if "image/png" in data:
                parts.append(f'<img alt="figure" src="data:image/png;base64,{"".join(data["image/png"]).strip()}">')
            elif "text/html" in data:
                parts.append("".join(data["text/html"]))
            elif printed:
                parts.append(f"```text\n{printed.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Links of the repository become links of the site."""
    here = page.file.src_uri
    if here.startswith("source/"):
        return markdown
    path = next((path for path, name in PAGES.items() if name == here), f"docs/{here}")

    def moved(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2]
        if "://" in target or target.startswith(("mailto:", "data:")):
            return match[0]
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if not (REPOSITORY / wanted).is_file():
            raise PluginError(f"{path}: the link to {target} leads to no file; link to a file of the repository.")
        return posixpath.relpath(place(wanted), posixpath.dirname(here) or ".") + anchor

    if here in WIDE:
        page.meta["hide"] = WIDE[here]
    markdown = REPLAY.sub(lambda match: _replay(match[1]), markdown)
    parts = FENCE.split(markdown)
    return "".join(part if k % 2 else LINK.sub(moved, part) for k, part in enumerate(parts))


def _replay(name: str) -> str:
    """A link to the replay of the gallery, where it has been made."""
    made = (REPOSITORY / "docs" / "gallery" / f"{name}.html").exists()
    return f' · <a href="gallery/{name}.html">replay</a>' if made else ""


def on_page_content(content: str, page: Any, **_: Any) -> str:
    """Formulas as MathML, which browsers draw by themselves."""

    def drawn(match: re.Match[str]) -> str:
        tex = html.unescape(match[2])
        for theirs, ours in WORDS.items():
            tex = tex.replace(theirs, ours)
        tag = re.search(r"\\tag\{(.*?)\}", tex)
        made = convert(re.sub(r"\\tag\{.*?\}", "", tex), display="block" if match[1] == "div" else "inline")
        left = re.search(r"\\[A-Za-z]+", made)
        if left:
            raise PluginError(
                f"{page.file.src_uri}: no MathML for {left[0]} in {match[2]}; name a replacement in docs/make/hooks.py."
            )
        number = f'<span class="number">({tag[1]})</span>' if tag else ""
        return f'<{match[1]} class="formula">{made}{number}</{match[1]}>'

    return FORMULA.sub(drawn, content)


def on_post_build(config: Any) -> None:
    """What MkDocs writes for a web server and a folder does not need."""
    for name in ("sitemap.xml", "sitemap.xml.gz"):
        file = Path(config.site_dir) / name
        if file.exists():
            os.remove(file)
