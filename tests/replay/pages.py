"""What a page of a replay holds, and what a browser makes of it."""

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import zstandard
from PIL import Image

from tests.browser import CHROMIUM, FLAGS

in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


class Messages:
    """The messages of a page, each with its time [s]."""

    def __init__(self, page: str) -> None:
        (data,) = re.findall(r'window\.__VISER_EMBED_DATA__="([^"]*)"', page)
        packed = base64.b64decode(data)
        whole = zstandard.ZstdDecompressor().decompress(packed[8:], max_output_size=int.from_bytes(packed[:8], "little"))
        length = int.from_bytes(whole[:8], "little")
        told = msgspec.msgpack.decode(whole[8 : 8 + length])
        self.duration, self.messages = told["durationSeconds"], told["messages"]
        self.arrays = told["binaryBufferLengths"]

    def of(self, kind: str) -> list[tuple[float, dict[str, Any]]]:
        """Those of a type, as `SetPositionMessage`."""
        return [(time, message) for time, message in self.messages if message["type"] == kind]

    def names(self) -> list[str]:
        """Of the nodes, in the order they are made in."""
        return [m["name"] for _, m in self.messages if "props" in m]

    def path(self, name: str) -> list[tuple[float, list[float]]]:
        """When a node is put where."""
        return [(time, m["position"]) for time, m in self.of("SetPositionMessage") if m["name"] == name]


def photograph(url: str, folder: Path, milliseconds: int = 2500) -> tuple[np.ndarray, list[str], list[str]]:
    """A picture (h, w, 3) of a page after a while, errors of its console, addresses it asked for beyond its own."""
    target, log = folder / "page.png", folder / "net.json"
    told = subprocess.run(
        [str(CHROMIUM), *FLAGS, "--enable-logging=stderr", "--window-size=640,480", f"--log-net-log={log}",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
         f"--user-data-dir={folder / 'profile'}", f"--screenshot={target}", f"--virtual-time-budget={milliseconds}", url],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert target.exists(), told.stderr[-2000:]
    words = ("Uncaught", "Error:", "Failed to")
    errors = [line for line in told.stderr.splitlines() if "CONSOLE" in line and any(word in line for word in words)]
    with Image.open(target) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    own = url.split("?")[0].rsplit("/", 1)[0]
    asked = sorted({found for found in _addresses(json.loads(log.read_text())) if not found.startswith(own)})
    return pixels, errors, asked


def _addresses(log: dict[str, Any]) -> Iterator[str]:
    """What pages asked for; the browser's own questions have no origin."""
    for event in log["events"]:
        told = event.get("params", {})
        if told.get("initiator", "not an origin") != "not an origin" and not told["url"].startswith(("file:", "data:", "blob:")):
            yield told["url"]
