"""How far links are apart, along a trajectory: pairs of links by names, the distance of each, and how it moves with the state."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from genesis.description.hulls import convex_hull, simplify
from genesis.errors import InputError, unknown_name
from genesis.grad.controllers import parameter
from genesis.grad.distance_jacobian import distance_jacobian
from genesis.grad.distances import Distances, NearestPoints
from genesis.grad.rotation import multiply, rotate
from genesis.grad.tensor import plain
from genesis.model.layout import GEOM_CODE

if TYPE_CHECKING:
    from genesis.scene.geoms import RigidGeom
    from genesis.scene.scene import Scene
    from genesis.scene.trajectory import Trajectory

WORLD = "world"


@dataclass(frozen=True)
class _Body:
    """A link with the geoms that count, or what stands in the world (link None)."""

    entity: Any
    link: Any
    geoms: tuple["RigidGeom", ...]

    @property
    def name(self) -> str:
        return WORLD if self.link is None else str(self.link.name)

    @property
    def label(self) -> str:
        """The entity's name where its only link says no more."""
        return str(self.entity.name) if self.link is None or len(self.entity.links) == 1 else self.name

    @property
    def index(self) -> int:
        """Of its link, -1 the world."""
        return -1 if self.link is None else int(self.link.idx)


class LinkPairs:
    """Pairs of links (and of what stands in the world) whose distance is asked for: the smallest of those of their geoms.

    Args:
        where: what errors name. between: pairs [a, b] of what is apart, each an entity, a link, or a geom, by name or glob pattern, or
            ENTITY/PATTERN.
        among: patterns of whose links each pair counts that no joint joins.
        beyond: a distance [m] that stands for every larger one, whose slope is then 0; pairs farther apart cost little. None: there is none.

    labels (P,): of each pair. Links that are joined by a joint or rigidly are left out, as are pairs that files exclude from contact.
    Raises: InputError for pairs that there are not, or of height fields; UnknownNameError.
    """

    def __init__(
        self,
        where: str,
        scene: "Scene",
        between: Sequence[Sequence[str]] = (),
        among: Sequence[str] = (),
        beyond: float | None = None,
    ) -> None:
        self.scene = scene
        if beyond is not None and not beyond > 0.0:
            raise InputError(f"{where}.beyond is {beyond}; allowed: a distance above 0 m, or none.")
        bodies = [body for entity in scene.entities for body in _bodies(entity)]
        chosen: list[tuple[_Body, _Body]] = []
        for k, pair in enumerate(between):
            at = f"{where}.between[{k}]"
            if isinstance(pair, str) or len(pair) != 2:
                raise InputError(f"{at}: {pair!r} is no pair; write [[a, b], …], each an entity, link or geom.")
            one, other = (_chosen(at, str(name), bodies) for name in pair)
            chosen += [(a, b) for a in one for b in other if not _joined(a, b)]
        among_bodies = [body for name in among for body in _chosen(f"{where}.among", str(name), bodies)]
        chosen += [(a, b) for i, a in enumerate(among_bodies) for b in among_bodies[i + 1 :] if not _joined(a, b)]
        pairs: dict[tuple[Any, ...], tuple[_Body, _Body]] = {}
        for a, b in chosen:
            keys = [(x.index, id(x.entity), tuple(g.idx for g in x.geoms)) for x in (a, b)]
            if tuple(keys) not in pairs and tuple(reversed(keys)) not in pairs:
                pairs[tuple(keys)] = (a, b)
        if not pairs:
            raise InputError(
                f"{where}: there are no two bodies with shapes that can move against each other among what is named."
            )
        self.bodies = list(pairs.values())
        self.labels = [f"{a.label}–{b.label}" for a, b in self.bodies]
        self._prepare(where, beyond)
        self._content = (
            beyond,
            tuple((a.index, b.index, *(tuple(g.idx for g in x.geoms) for x in (a, b))) for a, b in self.bodies),
        )

    def __eq__(self, other: object) -> bool:
        """The same geoms: candidates that share a batch have each made their own, and are measured at once."""
        return isinstance(other, LinkPairs) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    def _prepare(self, where: str, beyond: float | None) -> None:
        geoms = list({geom.idx: geom for pair in self.bodies for body in pair for geom in body.geoms}.values())
        place = {geom.idx: k for k, geom in enumerate(geoms)}
        kinds, sizes, corners = [], [], {}
        for k, geom in enumerate(geoms):
            if geom.type == "hfield":
                raise InputError(
                    f'{where}: geom "{geom.name}" is a height field, of which no distance is known; name other geoms.'
                )
            kinds.append(GEOM_CODE[geom.type])
            if geom.type == "mesh":
                points = geom.description.vertices if geom.description.hull is None else geom.description.hull[0]
                corners[k] = simplify(convex_hull(np.asarray(points, float)))[0][0]
                sizes.append(np.abs(corners[k]).max(0))
            else:
                sizes.append(np.resize(np.append(np.asarray(geom.size, float), np.zeros(3)), 3))
        pairs, rows = [], []
        for row, (a, b) in enumerate(self.bodies):
            for g, h in ((g, h) for g in a.geoms for h in b.geoms):
                pairs.append((place[g.idx], place[h.idx]))
                rows.append(row)
        self.distances = Distances(kinds, np.array(sizes), corners, pairs, rows, beyond)
        self.flipped = torch.tensor(
            [-1.0 if tuple(p) != tuple(q) else 1.0 for p, q in zip(pairs, self.distances.order, strict=True)]
        )
        index = [-1 if geom.link is None else geom.link.idx for geom in geoms]
        self.links = torch.tensor(index, dtype=torch.int64)
        self.sides = torch.tensor([(a.index, b.index) for a, b in self.bodies], dtype=torch.int32)
        table = self.scene.rigid_solver.model.contact_geoms
        self.rows = [table.index(geom.idx) if geom.idx in table else -1 for geom in geoms]
        self.pos = torch.tensor(np.array([geom.description.pos for geom in geoms], float))
        quat = np.array([geom.description.quat for geom in geoms], float)
        self.quat = torch.tensor(quat / np.linalg.norm(quat, axis=1, keepdims=True))

    def __len__(self) -> int:
        return len(self.bodies)

    # ---- along a trajectory

    def measure(self, trajectory: "Trajectory", steps: slice) -> torch.Tensor:
        """(S, [n_envs,] P) [m], negative where they overlap; differentiable."""
        placed = self._placed(trajectory, steps)
        pos, quat, sizes = (_flat(x) for x in placed)
        made = self.distances(pos, quat, sizes, self._found(trajectory, steps, placed))
        return made if trajectory._flat else made.unflatten(0, placed[0].shape[:2])

    def jacobian(self, trajectory: "Trajectory", steps: slice) -> torch.Tensor:
        """Derivatives (S, B, P, nq + nv) of `measure` to the state, in one launch."""
        with torch.no_grad():
            found = self._found(trajectory, steps, None)
            turned = self.flipped.to(found.normal)[found.pair].unsqueeze(-1)  # the first geom is of the second link
            (one, other), straight = (found.witness(sign) for sign in (-1.0, 1.0)), turned > 0.0
            nearest = torch.where(straight, one, other), torch.where(straight, other, one)
            touching = torch.cat([*nearest, turned * found.normal], -1)
            physics, qpos, theta = trajectory._solver.physics, plain(trajectory.qpos)[steps], plain(trajectory._theta)
            q = qpos.unsqueeze(1) if trajectory._flat else qpos
            shape = q.shape[:2]
            if theta.dim() == 3:  # parameters of every state
                q, theta = q.flatten(0, 1)[None], theta[steps].flatten(0, 1)
            rows = distance_jacobian(physics, theta, q, self.sides.to(q.device), touching.reshape(*q.shape[:2], len(self), -1))
            return torch.nn.functional.pad(rows.reshape(*shape, len(self), -1), (0, physics.nv))

    def _found(self, trajectory: "Trajectory", steps: slice, placed: tuple[torch.Tensor, ...] | None) -> NearestPoints:
        """Once for each slice of a trajectory. placed: as `_placed` gives it, where that is known."""
        key = self, range(trajectory.horizon + 1)[steps]
        if key not in trajectory._distances:
            pos, quat, sizes = (_flat(x.detach()) for x in placed or self._placed(trajectory, steps))
            trajectory._distances[key] = self.distances.measure(pos, quat, sizes)
        found: NearestPoints = trajectory._distances[key]
        return found

    def _placed(self, trajectory: "Trajectory", steps: slice) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Poses (S, B, G, 3), (S, B, G, 4) of the geoms in the world, and their sizes (G, 3) or (S, B, G, 3)."""
        link_pos, link_quat = trajectory._motion(steps)[:2]
        still = link_pos.new_zeros(*link_pos.shape[:2], 1, 3)
        upright = torch.cat([still[..., :1] + 1.0, still], -1)
        base = (torch.cat([x, end], 2)[:, :, self.links] for x, end in ((link_pos, still), (link_quat, upright)))
        origin, turn = base
        pos, quat, sizes = self._local(trajectory, steps)
        sizes = sizes if sizes.dim() == 2 else sizes.expand(*origin.shape)
        return origin + rotate(turn, pos), multiply(turn, quat.expand(*turn.shape)), sizes

    def _local(self, trajectory: "Trajectory", steps: slice) -> list[torch.Tensor]:
        """Poses of the geoms in their links and their sizes, as the trajectory has them: (…, G, 3), (…, G, 4), (…, G, 3)."""
        theta, physics = trajectory._theta, trajectory._solver.physics
        known = [k for k, row in enumerate(self.rows) if row >= 0]
        made = []
        for name, given in (("geom_pos", self.pos), ("geom_quat", self.quat), ("geom_size", self.distances.sizes)):
            width, value = given.shape[-1], given.to(link_like(trajectory))
            if known:
                table = parameter(physics, theta[steps] if theta.dim() == 3 else theta, name)
                table = table.unflatten(-1, (-1, width))[..., [self.rows[k] for k in known], :]
                value = value.expand(*table.shape[:-2], *value.shape).clone()
                value[..., known, :] = table
            made.append(value)
        return made


def link_pairs(where: str, scene: "Scene", pairs: LinkPairs | Sequence[Sequence[str]]) -> LinkPairs:
    """Pairs of a scene, or of one of the same bodies, as they are given; made from names where they are not yet.

    Raises: InputError for those of another scene.
    """
    made = pairs if isinstance(pairs, LinkPairs) else LinkPairs(where, scene, pairs)
    if made.scene is not scene and _content(made.scene) != _content(scene):
        raise InputError(f"{where} are of another scene; make them anew of this one: LinkPairs({where!r}, scene, …).")
    return made


def _content(scene: "Scene") -> list[Any]:
    return [
        (entity.name, [link.name for link in entity.links], [geom.type for geom in entity.geoms]) for entity in scene.entities
    ]


def link_like(trajectory: "Trajectory") -> torch.Tensor:
    """Of the type and on the device of its numbers."""
    return plain(trajectory.qpos)


def _flat(x: torch.Tensor) -> torch.Tensor:
    """Of samples and environments as one axis; what is the same for all stays."""
    return x if x.dim() == 2 else x.flatten(0, 1)


def _bodies(entity: Any) -> list[_Body]:
    """Links with the geoms that touch, or, of a link where none does, all that are seen of it."""
    made: dict[int, list[Any]] = {}
    for geom in entity.geoms:
        if not (geom.type == "mesh" and geom.description.vertices is None):
            made.setdefault(-1 if geom.link is None else geom.link.idx, []).append(geom)
    touching = {index: [geom for geom in own if not geom.description.visual] for index, own in made.items()}
    return [_Body(entity, own[0].link, tuple(touching[index] or own)) for index, own in made.items()]


def _chosen(where: str, pattern: str, bodies: Sequence[_Body]) -> list[_Body]:
    """What a name or pattern means. Raises: UnknownNameError."""
    entity, mark, rest = pattern.partition("/")
    if mark:
        own = [body for body in bodies if fnmatchcase(body.entity.name, entity)]
        if not own:
            raise unknown_name(where, "entity", entity, dict.fromkeys(body.entity.name for body in bodies))
        return _chosen(where, rest, own)
    found = [body for body in bodies if fnmatchcase(body.entity.name, pattern)]
    found = found or [body for body in bodies if fnmatchcase(body.name, pattern)]
    if found:
        return found
    for body in bodies:
        own_geoms = tuple(geom for geom in body.geoms if geom.name and fnmatchcase(geom.name, pattern))
        if own_geoms:
            found.append(_Body(body.entity, body.link, own_geoms))
    if not found:
        names = [*(body.entity.name for body in bodies), *(body.name for body in bodies if body.link is not None)]
        names += [geom.name for body in bodies for geom in body.geoms if geom.name]
        raise unknown_name(where, "entity, link or geom with a shape", pattern, dict.fromkeys(names))
    return found


def _joined(a: _Body, b: _Body) -> bool:
    """One body, or bodies that one joint of an entity joins, or a pair that its file excludes."""
    tops = [None if body.link is None else _top(body.link) for body in (a, b)]
    if tops[0] is tops[1]:
        return True
    if a.entity is not b.entity:
        return False
    one, other = tops
    excluded = {frozenset(pair) for pair in a.entity.description.excludes}
    return _above(one) is other or _above(other) is one or frozenset((a.name, b.name)) in excluded


def _top(link: Any) -> Any:
    """The uppermost link that this one is rigidly joined to, None where that is the world."""
    while not link.joints and link.parent_idx_local >= 0:
        link = link.entity.links[link.parent_idx_local]
    return link if link.joints else None


def _above(top: Any) -> Any:
    """What a joint joins it to; nothing is above the world."""
    if top is None:
        return NOTHING
    return None if top.parent_idx_local < 0 else _top(top.entity.links[top.parent_idx_local])


NOTHING = object()
