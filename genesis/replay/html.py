"""A replay as one HTML file that needs nothing else: it turns, plays and loops in any browser, offline."""

import html
from os import PathLike
from pathlib import Path

import numpy as np

from genesis.replay.drawing import Drawing, bytes_of
from genesis.replay.files import put
from genesis.replay.palette import GHOST
from genesis.replay.replay import PAUSE, Replay
from genesis.replay.server import look, quiet_server

FPS = 30.0
POSES = 30_000  # of bodies over all frames, at most: about 1 MB and half a second
MAIN = (0.45, 0.47, 0.5)  # of the main take in the legend


def html_of(replay: Replay, *, dark: bool = False, fps: float = FPS, most: int | None = None) -> str:
    """One self-contained page: the scene, a timeline, and the tree of what can be hidden. It plays by itself, over and over.

    fps: frames a second; most: frames in all. Long motions of many bodies have fewer, so that the page stays small.

    Raises: StateError where this machine lets no port be opened (viser serializes what a server, here on 127.0.0.1, would send).
    """
    moving = max(1, sum(len(take.pos[0]) for take in replay.takes))
    most = min(most or 10**9, max(POSES // moving, 40))
    shown = replay.at(replay.frames(fps, most))
    with quiet_server("127.0.0.1", 0) as server:
        drawing = Drawing(server.scene, shown, dark)
        look(server, drawing.points)
        drawing.show(0)
        record = server.get_scene_serializer()
        for frame, ahead in enumerate(np.diff(shown.time), 1):
            record.insert_sleep(float(ahead))
            drawing.show(frame)
        if len(shown) > 1:
            record.insert_sleep(PAUSE)
        page = record.as_html(dark_mode=dark)
    return _titled(page, shown, dark)


def write_html(replay: Replay, path: str | PathLike, *, dark: bool = False, fps: float = FPS, most: int | None = None) -> Path:
    """Write `html_of` a replay into a file, appearing whole or not at all. Raises: InputError where it cannot be written."""
    page = html_of(replay, dark=dark, fps=fps, most=most)

    def write(partial: Path) -> None:
        partial.write_text(page, encoding="utf-8")

    return put(Path(path), write)


def _titled(page: str, replay: Replay, dark: bool) -> str:
    """The page with the title of the replay and, of several takes, their names and colours."""
    title = html.escape(replay.title or "Replay")
    ink, paper = ("#e8eaed", "rgba(24,26,31,.72)") if dark else ("#22262d", "rgba(255,255,255,.78)")
    rows = [f'<div style="font-weight:600">{title}</div>'] if replay.title else []
    looks: dict[tuple, list[str]] = {}
    for take in replay.takes:
        looks.setdefault((take.tint or MAIN, take.ghost), []).append(take.name)
    for (tint, ghost), names in looks.items() if len(looks) > 1 else ():
        dot = "background:rgb({},{},{});opacity:{}".format(*bytes_of(tint), GHOST + 0.3 if ghost else 1.0)
        listed = html.escape(", ".join(names) if len(names) <= 3 else f"{names[0]} … {names[-1]}")
        rows.append(
            f'<div style="display:flex;align-items:center;gap:.5em"><span style="width:.75em;height:.75em;border-radius:50%;{dot}">'
            f"</span>{listed}</div>"
        )
    box = (
        f'<div id="legend" style="position:fixed;left:1em;bottom:4em;z-index:5;pointer-events:none;font:13px/1.5 system-ui,sans-serif;'
        f'color:{ink};background:{paper};border-radius:6px;padding:.45em .8em;max-width:60vw">{"".join(rows)}</div>'
    )
    quiet = "<style>#webgl-software-rendering{display:none}</style>"  # slow where there is no GPU, but nobody needs to be told each time
    page = page.replace("<title>Viser</title>", f"<title>{title}</title>{quiet}", 1)
    head, body, tail = page.rpartition("</body>")
    return head + (box if rows else "") + body + tail
