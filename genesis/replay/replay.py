"""A replay is what is seen of a motion, as numpy data: shapes, the bodies that carry them, and where these are over time.

Whatever shows it (`html`, `viewer`, `render`, `rrd`) needs nothing else: no engine, no robot file, no mesh.
Metres, seconds, quaternions wxyz, z up, colours in [0, 1]. N frames, L bodies.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Self
from zipfile import BadZipFile

import numpy as np

from genesis.errors import InputError
from genesis.replay.files import put

FORMAT, FILE = 1, "replay.npz"
PAUSE = 0.8  # of what plays over and over, at the end, before it begins anew [s]
Colour = tuple[float, float, float, float]


@dataclass
class Skin:
    """Triangles in the frame of a body.

    vertices (n, 3) [m]; faces (m, 3), seen from where they turn counterclockwise. rgba: of all of them, its last number the opacity.
    colours (n, 4) uint8: of each vertex, in place of rgba. uv (n, 2), texture (h, w, 3 or 4) uint8: a picture on them; v = 0 is its last row.
    ground: a plane without end, drawn as a floor with a grid; its triangles are the piece that is worth seeing.
    """

    vertices: np.ndarray
    faces: np.ndarray
    rgba: Colour = (0.7, 0.7, 0.7, 1.0)
    colours: np.ndarray | None = None
    uv: np.ndarray | None = None
    texture: np.ndarray | None = None
    ground: bool = False


@dataclass
class DrawnBody:
    """What moves as one. name: of the link, entity: that it belongs to; both empty for the world, which stands still."""

    name: str
    entity: str
    skins: list[Skin] = field(default_factory=list)


@dataclass
class Take:
    """One motion of all bodies: "best", "first", "measured", "environment 3".

    pos (N, L, 3) [m], quat (N, L, 4): of the bodies; not a number where they are not known, and not drawn there.
    ghost: one that stands behind, translucent. tint: colour in place of the skins' own, or None. offset (3,): where its world stands.
    """

    name: str
    pos: np.ndarray
    quat: np.ndarray
    ghost: bool = False
    tint: tuple[float, float, float] | None = None
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass
class Polyline:
    """A line that stands still: points (n, 3) [m]. take: the one that it belongs to and is hidden with, or empty."""

    name: str
    points: np.ndarray
    rgba: Colour = (0.13, 0.49, 0.82, 1.0)
    take: str = ""


@dataclass
class Landmark:
    """Something to aim at, to keep away from, or to stay in. kind: one of `KINDS`.

    size: sphere (radius), box (half sizes), cylinder (radius, half length), frame (length of the axes) [m]. pos (3,), or (N, 3) of what moves.
    quat (4,) or (N, 4). label: written beside it; empty: nothing is.
    """

    KINDS: ClassVar[tuple[str, ...]] = ("sphere", "box", "cylinder", "frame")
    name: str
    kind: str
    size: tuple[float, ...]
    pos: np.ndarray
    quat: np.ndarray = field(default_factory=lambda: np.array([1.0, 0.0, 0.0, 0.0]))
    rgba: Colour = (0.87, 0.40, 0.11, 0.6)
    label: str = ""


@dataclass
class Arrows:
    """Vectors over time, as contact forces: K at most at once. origins, vectors (N, K, 3) [m], unit; not a number where there is none.

    scale: length of the arrow [m] for one unit. take: the one that they belong to, or empty.
    """

    name: str
    origins: np.ndarray
    vectors: np.ndarray
    unit: str
    scale: float
    rgba: Colour = (0.85, 0.16, 0.22, 1.0)
    take: str = ""


@dataclass
class Replay:
    """See the module. time (N,) [s], rising. The first take is the main one, which cameras look at."""

    title: str
    time: np.ndarray
    bodies: list[DrawnBody]
    takes: list[Take]
    polylines: list[Polyline] = field(default_factory=list)
    landmarks: list[Landmark] = field(default_factory=list)
    arrows: list[Arrows] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.time)

    @property
    def duration(self) -> float:
        """[s]"""
        return float(self.time[-1] - self.time[0])

    def at(self, frames: Sequence[int] | np.ndarray) -> Self:
        """The same in some of its frames."""
        chosen, count = np.asarray(frames), len(self)

        def cut(part: Any) -> Any:
            moving = {f.name: getattr(part, f.name) for f in fields(part)}
            over_time = {
                name: value[chosen] for name, value in moving.items()
                if isinstance(value, np.ndarray) and name in _OVER_TIME[type(part)] and value.ndim > 1 and len(value) == count
            }  # fmt: skip
            return type(part)(**{**moving, **over_time})

        moved = {name: [cut(part) for part in getattr(self, name)] for name in ("takes", "landmarks", "arrows")}
        return type(self)(self.title, self.time[chosen], self.bodies, polylines=self.polylines, **moved)

    def frames(self, fps: float, most: int | None = None) -> np.ndarray:
        """Indices of the frames nearest to even instants, fps of them a second (fewer where there are fewer), at most `most`."""
        count = int(np.ceil(self.duration * fps)) + 1 if len(self) > 1 else 1
        count = max(1, min(count, len(self), most or len(self)))
        instants = np.linspace(self.time[0], self.time[-1], count)
        after = np.searchsorted(self.time, instants).clip(1, max(len(self) - 1, 1)) if len(self) > 1 else np.zeros(1, int)
        if len(self) == 1:
            return after
        nearer = instants - self.time[after - 1] < self.time[after] - instants
        return np.unique(np.where(nearer, after - 1, after))

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest corner (3,) [m] of what is to be seen over all frames: bodies, landmarks and lines; grounds and ghosts left out."""
        shown = [take for take in self.takes if not take.ghost] or self.takes
        ghosts = {take.name for take in self.takes} - {take.name for take in shown}
        corners: list[np.ndarray] = []
        for l, body in enumerate(self.bodies):
            points = np.concatenate([np.zeros((0, 3)), *(skin.vertices for skin in body.skins if not skin.ground)])
            if not body.name:  # the world stands still
                corners += [points + take.offset for take in shown]
            elif len(body.skins) == 0 or len(points):
                radius = float(np.sqrt((points**2).sum(1).max(initial=0.0)))
                corners += [take.pos[:, l] + take.offset + side for take in shown for side in (-radius, radius)]
        corners += [landmark.pos.reshape(-1, 3) for landmark in self.landmarks]
        corners += [line.points for line in self.polylines if line.take not in ghosts]
        found = np.concatenate([np.zeros((0, 3)), *corners])
        found = found[np.isfinite(found).all(1)]
        return (found.min(0), found.max(0)) if len(found) else (-np.ones(3), np.ones(3))

    # ---- as a file

    def save(self, path: str | PathLike) -> Path:
        """Write all of it into one npz file, appearing whole or not at all; the numbers in single precision.

        Raises: InputError where it cannot be written.
        """
        arrays: dict[str, np.ndarray] = {}
        head = _packed(self, "", arrays)
        arrays["head"] = np.frombuffer(json.dumps({"format": FORMAT, "replay": head}).encode(), np.uint8)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        return put(Path(path), lambda partial: partial.write_bytes(buffer.getvalue()))

    @classmethod
    def load(cls, path: str | PathLike) -> "Replay":
        """What `save` wrote. Raises: InputError for a file that is none."""
        try:
            with np.load(path) as stored:
                arrays = {name: stored[name] for name in stored.files}
            head = json.loads(arrays["head"].tobytes())
            if head["format"] != FORMAT:
                raise InputError(f"{path}: a replay of another version ({head['format']}, here {FORMAT}); make it anew.")
            made = _unpacked(head["replay"], arrays)
        except (OSError, EOFError, BadZipFile, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: cannot be read as a replay ({type(error).__name__}).") from error
        assert isinstance(made, Replay)
        return made


_PARTS = {kind.__name__: kind for kind in (Skin, DrawnBody, Take, Polyline, Landmark, Arrows, Replay)}
_OVER_TIME = {Take: ("pos", "quat"), Landmark: ("pos", "quat"), Arrows: ("origins", "vectors")}


def _packed(value: Any, key: str, arrays: dict[str, np.ndarray]) -> Any:
    """A value as JSON, whose arrays are put aside under the names of their places."""
    if type(value).__name__ in _PARTS:
        inner = {f.name: _packed(getattr(value, f.name), f"{key}/{f.name}", arrays) for f in fields(value)}
        return {"part": type(value).__name__, **inner}
    if isinstance(value, np.ndarray):
        single = value.dtype.kind == "f" and not key.endswith("/time")
        arrays[key] = value.astype(np.float32) if single else value.astype(np.int32) if value.dtype == np.int64 else value
        return {"array": key}
    if isinstance(value, (list, tuple)):
        return [_packed(item, f"{key}/{k}", arrays) for k, item in enumerate(value)]
    return value.item() if isinstance(value, np.generic) else value


def _unpacked(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, dict) and "array" in value:
        return arrays[value["array"]]
    if isinstance(value, dict):
        given = {name: _unpacked(item, arrays) for name, item in value.items() if name != "part"}
        return _PARTS[value["part"]](**given)
    if isinstance(value, list):
        items = [_unpacked(item, arrays) for item in value]
        return tuple(items) if items and all(isinstance(item, (int, float)) for item in items) else items
    return value
