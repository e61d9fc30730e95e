"""Geoms that can touch and the pairs of them that may: filtered as in MuJoCo, once, when the model is made."""

from dataclasses import dataclass, field

import numpy as np

from genesis.description.description import ContactPair, Geom, HeightField
from genesis.description.hulls import MOST_CORNERS, simplify
from genesis.description.meshes import Mesh
from genesis.description.notes import Notes
from genesis.errors import unknown_name
from genesis.model.builder import Builder
from genesis.model.chains import Chains
from genesis.model.checks import check_geom, check_heights, check_hull, check_pair
from genesis.model.layout import FIRST_WINS, GEOM_CODE, MIX, PAIR_CODE, SECOND_WINS, Rows
from genesis.model.model import EntityInfo
from genesis.model.options import ConstraintRequest


@dataclass
class Contacts:
    """The contact side of a model. geoms: row -> index into Model.geoms."""

    geoms: list[int] = field(default_factory=list)
    hulls: list[Mesh] = field(default_factory=list)
    hfields: list[HeightField] = field(default_factory=list)
    integers: Rows = field(default_factory=dict)
    parameters: Rows = field(default_factory=dict)


def contacts(b: Builder, chains: Chains, request: ConstraintRequest) -> Contacts:
    """Tables geom_*, cand_*, xpair_* and the shapes they point to.

    Raises: ModelError, UnknownNameError for types, sizes, meshes and contact parameters that are no good, naming file and geom.
    """
    made = Contacts()
    on = request.enable_collision and not request.disable_constraint
    explicit = _explicit(b) if on else []
    paired = {g for pair in explicit for g in pair[:2]}
    if on:
        made.geoms = [k for k, geom in enumerate(b.geoms) if (_touches(geom) or k in paired) and not _shapeless(geom)]
    geoms = [b.geoms[k] for k in made.geoms]
    where = {k: f'{entity.source}: geom "{b.geoms[k].name}"' for entity in b.entities for k in _range(entity)}
    for k, geom in zip(made.geoms, geoms, strict=True):
        check_geom(where[k], geom)
    indices = _shapes(b, made, where)
    row_of = {k: row for row, k in enumerate(made.geoms)}
    explicit = [(row_of[g1], row_of[g2], pair) for g1, g2, pair in explicit if g1 in row_of and g2 in row_of]
    filters = _Filters(b, made.geoms, request)
    candidates = _candidates(geoms, explicit, filters)
    slots = [geom.link + 1 for geom in geoms]
    made.integers = dict(
        geom_type=[GEOM_CODE[geom.type] for geom in geoms], geom_slot=slots, geom_data=indices,
        cand_code=[PAIR_CODE[GEOM_CODE[geoms[g1].type], GEOM_CODE[geoms[g2].type]] for g1, g2, _ in candidates],
        cand_geom1=[g1 for g1, _, _ in candidates], cand_geom2=[g2 for _, g2, _ in candidates],
        cand_chain=[chains.between(slots[g1], slots[g2]) for g1, g2, _ in candidates],
        cand_condim=[_condim(geoms[g1], geoms[g2]) if x < 0 else explicit[x][2].condim for g1, g2, x in candidates],
        cand_prior=[_prior(geoms[g1], geoms[g2]) if x < 0 else MIX for g1, g2, x in candidates],
        cand_explicit=[x for _, _, x in candidates],
    )  # fmt: skip
    pairs = [pair for _, _, pair in explicit]
    made.parameters = dict(
        geom_pos=[g.pos for g in geoms], geom_quat=[np.asarray(g.quat, float) / np.linalg.norm(g.quat) for g in geoms],
        geom_size=[_size(geom, index, made) for geom, index in zip(geoms, indices, strict=True)],
        geom_friction=[g.friction for g in geoms], geom_solref=[g.solref for g in geoms], geom_solimp=[g.solimp for g in geoms],
        geom_margin=[g.margin for g in geoms], geom_gap=[g.gap for g in geoms], geom_solmix=[g.solmix for g in geoms],
        xpair_friction=[p.friction for p in pairs], xpair_solref=[p.solref for p in pairs],
        xpair_solreffriction=[p.solref_friction for p in pairs], xpair_solimp=[p.solimp for p in pairs],
        xpair_margin=[p.margin for p in pairs], xpair_gap=[p.gap for p in pairs],
    )  # fmt: skip
    return made


def _range(entity: EntityInfo) -> range:
    return range(entity.geom_start, entity.geom_start + entity.n_geoms)


def _touches(geom: Geom) -> bool:
    return not geom.visual and bool(geom.contype or geom.conaffinity)


def _shapeless(geom: Geom) -> bool:
    """A mesh whose file was not found; the reader has warned of it."""
    return geom.type == "mesh" and geom.vertices is None


def _explicit(b: Builder) -> list[tuple[int, int, ContactPair]]:
    """Explicit pairs as indices into ``b.geoms``."""
    found = []
    for placed, entity in zip(b.placed, b.entities, strict=True):
        names = {b.geoms[k].name: k for k in _range(entity)}
        for pair in placed.description.pairs:
            where = f'{entity.source}: contact pair "{pair.name}"'
            check_pair(where, pair)
            for name in (pair.geom1, pair.geom2):
                if name not in names:
                    raise unknown_name(where, "geom", name, names)
            found.append((names[pair.geom1], names[pair.geom2], pair))
    return found


def _shapes(b: Builder, made: Contacts, where: dict[int, str]) -> list[int]:
    """Of every geom in ``made``, the index of its hull or height field, -1 if it has none; warns of hulls that are simplified."""
    notes = {entity.source: Notes(entity.source) for entity in b.entities}
    of_geom = {k: notes[entity.source] for entity in b.entities for k in _range(entity)}
    data = _Shapes(made)
    indices = [data.index(where[k], b.geoms[k], of_geom[k], _link_name(b, b.geoms[k])) for k in made.geoms]
    for note in notes.values():
        note.report()
    return indices


def _link_name(b: Builder, geom: Geom) -> str:
    return "world" if geom.link < 0 else b.links[geom.link].name


class _Shapes:
    """Hulls and height fields, each once."""

    def __init__(self, made: Contacts) -> None:
        self._made = made
        self._known: dict[tuple, int] = {}

    def index(self, where: str, geom: Geom, notes: Notes, link: str) -> int:
        """Index of the geom's hull or height field, -1 if it has none."""
        if geom.type == "hfield":
            assert geom.hfield is not None
            return self._hfield(where, geom.hfield)
        return self._hull(where, geom, notes, link) if geom.type == "mesh" else -1

    def _hfield(self, where: str, hfield: HeightField) -> int:
        check_heights(where, np.asarray(hfield.size, float), np.asarray(hfield.heights, float))
        key = ("hfield", hfield.size.tobytes(), hfield.heights.shape, hfield.heights.tobytes())
        if key not in self._known:
            self._known[key] = len(self._made.hfields)
            self._made.hfields.append(hfield)
        return self._known[key]

    def _hull(self, where: str, geom: Geom, notes: Notes, link: str) -> int:
        points = geom.vertices if geom.hull is None else geom.hull[0]
        assert points is not None
        key = ("hull", points.tobytes())
        if key not in self._known:
            hull = check_hull(where, points, geom.hull)
            self._known[key] = len(self._made.hulls)
            small, error = simplify(hull)
            self._made.hulls.append(small)
            if small is not hull:
                notes.add(
                    f"convex hulls of more than {MOST_CORNERS} corners are simplified (they lie inside, as far as is said)",
                    f'link "{link}", mesh {geom.file or geom.name}, {len(hull[0])} corners, {1000 * error:.2g} mm',
                )
        return self._known[key]


def _size(geom: Geom, data: int, made: Contacts) -> np.ndarray:
    """Three lengths; of a mesh and a height field the half edges of the box about the geom's origin that holds it."""
    if geom.type == "mesh":
        return np.abs(made.hulls[data][0]).max(0)
    if geom.type == "hfield":
        x, y, top, base = made.hfields[data].size
        return np.array([x, y, max(top * float(made.hfields[data].heights.max()), base)])
    return np.resize(np.append(np.asarray(geom.size, float), np.zeros(3)), 3)


class _Filters:
    """Which pairs of geoms (rows) may touch by MuJoCo's rules.

    Bits of contype and conaffinity; not within one body or bodies welded together; not a body and its parent, unless the parent
    is fixed in the world; no excluded pair of bodies. Entities of a scene see each other.
    """

    def __init__(self, b: Builder, geoms: list[int], request: ConstraintRequest) -> None:
        self._request = request
        parents = [0] + [p + 1 for p in b.parents]
        self._weld = [0]
        for slot in range(1, len(parents)):
            self._weld.append(slot if b.link_jnt[slot - 1][1] else self._weld[parents[slot]])
        self._above = [self._weld[parents[weld]] for weld in self._weld]  # welded group of the parent of each slot's group
        self._slots = [b.geoms[k].link + 1 for k in geoms]
        self._entity = [next(e for e, info in enumerate(b.entities) if k in _range(info)) for k in geoms]
        adjacent = request.enable_adjacent_collision
        self._filter_parent = [p.description.filter_parent if adjacent is None else not adjacent for p in b.placed]
        self._excluded: set[tuple[int, int, int]] = set()
        for entity, (placed, info) in enumerate(zip(b.placed, b.entities, strict=True)):
            slot_of = {"world": 0} | {b.links[k].name: k + 1 for k in range(info.link_start, info.link_start + info.n_links)}
            ends = [(slot_of[x], slot_of[y]) for x, y in placed.description.excludes]
            self._excluded |= {(entity, min(pair), max(pair)) for pair in ends}
        self._contype = np.array([b.geoms[k].contype for k in geoms], np.int64)
        self._conaffinity = np.array([b.geoms[k].conaffinity for k in geoms], np.int64)

    def allowed(self) -> list[tuple[int, int]]:
        """Pairs (row, larger row)."""
        meet = (self._contype[:, None] & self._conaffinity[None, :]) != 0
        return [(int(i), int(k)) for i, k in zip(*np.nonzero(np.triu(meet | meet.T, 1)), strict=True) if self._bodies(i, k)]

    def moves(self, i: int, k: int) -> bool:
        """Whether the bodies of two rows can move relative to each other."""
        return self._weld[self._slots[i]] != self._weld[self._slots[k]]

    def _bodies(self, i: int, k: int) -> bool:
        slots = self._slots[i], self._slots[k]
        weld1, weld2 = (self._weld[s] for s in slots)
        if weld1 == weld2:
            return False
        if self._entity[i] != self._entity[k]:
            return True
        entity = self._entity[i]
        moving = weld1 != 0 and weld2 != 0
        if moving and not self._request.enable_self_collision:
            return False
        if moving and self._filter_parent[entity] and (weld1 == self._above[slots[1]] or weld2 == self._above[slots[0]]):
            return False
        return (entity, min(slots), max(slots)) not in self._excluded


def _candidates(geoms: list[Geom], explicit: list, filters: _Filters) -> list[tuple[int, int, int]]:
    """(row of geom 1, row of geom 2, row of the explicit pair or -1), the lower type first; explicit pairs replace others."""
    given = {tuple(sorted(pair[:2])) for pair in explicit}
    found = [(i, k, -1) for i, k in filters.allowed() if (i, k) not in given]
    found += [(g1, g2, x) for x, (g1, g2, _) in enumerate(explicit) if filters.moves(g1, g2)]
    ordered = []
    for g1, g2, x in sorted(found, key=lambda c: (min(c[:2]), max(c[:2]), c[2])):
        if GEOM_CODE[geoms[g1].type] > GEOM_CODE[geoms[g2].type]:
            g1, g2 = g2, g1
        if (GEOM_CODE[geoms[g1].type], GEOM_CODE[geoms[g2].type]) in PAIR_CODE:
            ordered.append((g1, g2, x))
    return ordered


def _prior(first: Geom, second: Geom) -> int:
    return MIX if first.priority == second.priority else FIRST_WINS if first.priority > second.priority else SECOND_WINS


def _condim(first: Geom, second: Geom) -> int:
    return {MIX: max(first.condim, second.condim), FIRST_WINS: first.condim, SECOND_WINS: second.condim}[_prior(first, second)]
