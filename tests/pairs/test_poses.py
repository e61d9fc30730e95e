"""Axis-aligned poses of every pair: flush, edge on edge, corner on corner, coincident centres. Each is the limit of small tilts, and turns."""

import itertools
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from genesis.pairs import PAIRS
from tests.pairs import harness
from tests.pairs.harness import Samples
from tests.pairs.meshes import prism, with_meshes
from tests.pairs.samples import rotations

ROOT = np.sqrt(0.5)
TURNS = {
    "0": np.eye(3),
    "x": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "y": np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]]),
    "half": np.array([[ROOT, 0, ROOT], [0, 1, 0], [-ROOT, 0, ROOT]]),
}
SIZES = ((0.2, 0.3, 0.25), (0.1, 0.12, 0.15))
DEPTH, REACH, TILT, TILTS = 0.01, 0.02, 1e-7, 4
FLAT = np.full((6, 7), 0.1)  # heights of a field
NAMED = [pytest.param(code, id=pair.NAME) for code, pair in PAIRS.items()]
pytestmark = pytest.mark.usefixtures("engine")


def half(kind: int, size: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Half the extents along the axes of the world."""
    return {
        0: lambda: np.zeros(3),
        1: lambda: np.array([0.0, 0.0, 0.1]),
        2: lambda: np.full(3, size[0]),
        3: lambda: size[0] + size[1] * np.abs(r[:, 2]),
        4: lambda: np.linalg.norm(r * size, axis=1),
        5: lambda: size[0] * np.sqrt(np.maximum(1.0 - r[:, 2] ** 2, 0.0)) + size[1] * np.abs(r[:, 2]),
        6: lambda: np.abs(r) @ size,
        7: lambda: np.abs(r @ prism(4).T).max(1),
    }[kind]()


def places(code, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """Where the second geom sits, by name, given half the extents of both: overlapping by DEPTH, touching, or as far apart."""
    found = {}
    for name, d in (("deep", -DEPTH), ("touching", 0.0), ("near", DEPTH)):
        found[f"on top, {name}"] = np.array([0, 0, a[2] + b[2] + d])
        if code[0] > 1:
            found[f"flush sides, {name}"] = np.array([a[0] - b[0], 0, a[2] + b[2] + d])
            found[f"flush corners, {name}"] = np.array([a[0] - b[0], a[1] - b[1], a[2] + b[2] + d])
            found[f"beside, {name}"] = np.array([a[0] + b[0] + d, 0, 0])
            found[f"half over, {name}"] = np.array([a[0], 0, a[2] + b[2] + d])
    if code[0] > 1:
        found["edge on edge, deep"] = np.array([a[0] + b[0] - DEPTH, 0, a[2] + b[2] - 0.7 * DEPTH])
        found["corner on corner, deep"] = np.array([a[0] + b[0] - DEPTH, a[1] + b[1] - 0.8 * DEPTH, a[2] + b[2] - 0.7 * DEPTH])
        found["coincident"] = np.zeros(3)
        found["centre on an edge"] = np.array([a[0], 0, a[2]])
        found["within, on the axis"] = np.array([0, 0, 0.5 * a[2]])
    return found


def aligned(code) -> tuple[Samples, list[str]]:
    p, r, size, names = [], [], [], []
    still = {"0": np.eye(3)} if code[0] < 2 else {k: TURNS[k] for k in ("0", "x")}
    for (one, a), (two, b), small in itertools.product(still.items(), TURNS.items(), SIZES):
        sizes = np.array([SIZES[0], small])
        for name, place in places(code, half(code[0], sizes[0], a), half(code[1], sizes[1], b)).items():
            p.append([np.zeros(3), place])
            r.append([a, b])
            size.append(sizes)
            names.append(f"{name}, {one} {two}, {'same' if small is SIZES[0] else 'small'}")
    return Samples(np.array(p), np.array(r), np.array(size)), names


def around(samples: Samples) -> tuple[list[Samples], np.ndarray]:
    """The poses, tilts of them, the poses with everything turned at random; and those turns."""
    n, rng = len(samples), np.random.default_rng(0)
    tilts = []
    for _ in range(TILTS):
        shift, turn = np.zeros((2, n, 2, 3))
        shift[:, 1], turn[:, 1] = TILT * rng.normal(size=(2, n, 3))
        tilts.append(samples.moved(shift, turn, 0.0 * samples.size))
    whole = rotations(rng, (n,))
    turned = Samples(np.einsum("nij,nkj->nki", whole, samples.p), np.einsum("nij,nkjl->nkil", whole, samples.r), samples.size)
    return [samples, *tilts, turned], whole


def joined(parts: list[Samples]) -> Samples:
    return Samples(*(np.concatenate([getattr(x, name) for x in parts]) for name in ("p", "r", "size")))


class Found:
    """Contacts and bars of aligned poses of a pair: of the poses, of their tilts, and turned back, of the turned ones."""

    def __init__(self, code) -> None:
        samples, self.names = aligned(code)
        parts, whole = around(samples)
        every = joined(parts)
        if {1, 7} & set(code):
            every = with_meshes(every, code, [prism(4)], FLAT)
        contacts, count = harness.find(code, every, REACH)
        seed = np.ones((len(every), harness.ROOM, 10))
        bars = harness.find_adjoint(code, every, contacts, count, seed)
        self.n = len(samples)
        self.contacts, self.count, self.bars = (np.split(x, len(parts)) for x in (contacts, count, bars))
        for first in (0, 3):
            self.contacts[-1][..., first : first + 3] = np.einsum(
                "nji,nkj->nki", whole, self.contacts[-1][..., first : first + 3]
            )

    def rows(self, part: int, i: int) -> np.ndarray:
        """Positions, normals, distances of one sample."""
        return self.contacts[part][i, : self.count[part][i], :7]

    def depth(self, part: int, i: int) -> float:
        return float(self.rows(part, i)[:, 6].min(initial=REACH))


@cache
def found(code) -> Found:
    return Found(code)


def centred(name: str) -> bool:
    """Whether the depth has no single direction there: a true kink."""
    return name.startswith(("coincident", "within", "centre"))


@pytest.mark.parametrize("code", NAMED)
def test_contacts_and_bars_are_finite(code):
    f = found(code)
    for contacts, count in zip(f.contacts, f.count, strict=True):
        assert np.isfinite(contacts).all()
        assert count.max() <= PAIRS[code].MOST
        lengths = np.linalg.norm(contacts[..., 3:6], axis=-1)
        np.testing.assert_allclose(lengths[np.arange(harness.ROOM) < count[:, None]], 1.0, atol=1e-9)
    assert all(np.isfinite(bars).all() for bars in f.bars)
    assert np.abs(f.bars[0]).max() < 1e3  # in the pose itself no direction turns at one over a length that is rounding
    assert (f.count[0] > 0).mean() > 0.5


@pytest.mark.parametrize("code", NAMED)
def test_the_depth_is_the_limit_of_a_small_tilt_and_turns_along(code):
    """Where two bodies are centred on each other the expanding polytope may stop a little short of the least depth."""
    f = found(code)
    for i, name in enumerate(f.names):
        here, slack = f.depth(0, i), 2e-3 * abs(f.depth(0, i)) if centred(name) else 0.0
        for k in range(1, TILTS + 1):
            assert f.depth(k, i) == pytest.approx(here, abs=20 * TILT + slack), name
        assert f.depth(-1, i) == pytest.approx(here, abs=1e-8 + slack), name


@pytest.mark.parametrize("code", NAMED)
def test_bars_are_the_limit_of_those_of_a_small_tilt(code):
    """Where the same features decide."""
    f, compared = found(code), 0
    for i, name in enumerate(f.names):
        for k in range(1, TILTS + 1):
            same = f.count[0][i] > 0 and (f.contacts[k][i, :, 10:] == f.contacts[0][i, :, 10:]).all()
            if same and f.count[k][i] == f.count[0][i] and not (centred(name) or "touching" in name):
                compared += 1
                scale = 1.0 + np.abs(f.bars[0][i]).max()
                np.testing.assert_allclose(f.bars[k][i], f.bars[0][i], atol=1e-4 * scale, err_msg=name)
    assert compared > 0


LYING = TURNS["y"]  # its axis along x
STRETCHES = {  # a straight body across a flat one: codes, sizes of both
    "capsule on box": ((3, 6), [[0.1, 0.3, 0], [0.2, 0.2, 0.1]]),
    "short capsule on box": ((3, 6), [[0.1, 0.15, 0], [0.2, 0.2, 0.1]]),
    "capsule on mesh": ((3, 7), [[0.1, 0.5, 0], [0.1, 0.1, 0.1]]),
    "capsule on cap": ((3, 5), [[0.1, 0.3, 0], [0.2, 0.2, 0]]),
    "cylinder on box": ((5, 6), [[0.1, 0.3, 0], [0.2, 0.2, 0.1]]),
    "cylinder on cap": ((5, 5), [[0.1, 0.3, 0], [0.2, 0.2, 0]]),
    "cylinder on mesh": ((5, 7), [[0.1, 0.5, 0], [0.1, 0.1, 0.1]]),
}


@pytest.mark.parametrize("case", STRETCHES)
def test_a_straight_body_rests_on_both_ends_of_the_stretch_it_lies_on(case):
    """Whichever way the two are turned by quarters, and with the least tilt to either side; also along a side and through corners."""
    code, size = STRETCHES[case]
    quarters = [np.linalg.matrix_power(np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]]), k) for k in range(4)]
    top = {5: size[1][1], 6: size[1][2], 7: 0.3}[code[1]]
    widest = {5: size[1][0], 6: size[1][0], 7: 0.4}[code[1]]
    p, r, names = [], [], []
    for (i, one), (j, two), tilt in itertools.product(enumerate(quarters), enumerate(quarters), (0.0, TILT, -TILT)):
        lean = np.array([[1.0, 0, tilt], [0, 1, 0], [-tilt, 0, 1]])
        p.append([[0, 0, top + size[0][0] - DEPTH], [0, 0, 0]])
        r.append([one @ lean @ LYING, two])
        names.append((i, j, tilt))
    samples = Samples(np.array(p), np.array(r), np.tile(np.array(size, float), (len(p), 1, 1)))
    contacts, count = harness.find(code, with_meshes(samples, code, [prism(4)]) if 7 in code else samples, 0.0)
    for e, name in enumerate(names):
        rows = contacts[e, : count[e]]
        along = rows[:, :2] @ quarters[name[0]][:2, 0]
        assert count[e] == 2, name
        assert np.sort(along) == pytest.approx([-min(widest, size[0][1]), min(widest, size[0][1])], abs=1e-5), name
        np.testing.assert_allclose(rows[:, 6], -DEPTH, atol=1e-6)


SINGLE = [(0, 5), (1, 6), (3, 6), (5, 5), (6, 7)]


def depths(code) -> np.ndarray:
    """(2, poses): of the poses, and of the same turned."""
    f = found(code)
    return np.array([[f.depth(part, i) for i in range(f.n)] for part in (0, -1)])


@pytest.mark.slow
def test_depths_in_single_precision(tmp_path):
    """Where rounding is a thousandth of a degree."""
    path, root = tmp_path / "found.npz", Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "tests.pairs.single_precision", str(path)]
    done = subprocess.run(
        command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    single = np.load(path)
    for k, code in enumerate(SINGLE):
        expected, places = depths(code)[0], np.array([not centred(name) for name in found(code).names])
        for mine in single[str(k)]:
            np.testing.assert_allclose(mine[places], expected[places], atol=5e-5, err_msg=PAIRS[code].NAME)
