"""Geoms of an entity, as the user sees them, with their contact materials."""

from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from genesis.description.description import Geom
from genesis.errors import InputError
from genesis.grad.tensor import Tensor
from genesis.model.checks import check_solimp, check_solref
from genesis.model.model import Model
from genesis.scene.inputs import ArrayLike, Index, IndexLike, take

if TYPE_CHECKING:
    from genesis.scene.entity_contacts import EntityContacts

SLIDING, TORSIONAL, ROLLING = range(3)
NEEDED = {SLIDING: 3, TORSIONAL: 4, ROLLING: 6}  # least contact dimension
NAME = ("sliding", "torsional", "rolling")


def check_condim(model: Model, kind: int, columns: Index, what: str) -> None:
    """Raises: InputError if none of the contacts that the geoms (columns of the contact table) may have feels a kind of friction."""
    i, mine = model.integers, set(columns.tensor.tolist())
    dims = [int(d) for d, a, b in zip(i["cand_condim"], i["cand_geom1"], i["cand_geom2"], strict=True) if {int(a), int(b)} & mine]
    if dims and max(dims) < NEEDED[kind]:
        raise InputError(
            f"{what}: its contacts have condim {max(dims)} and no {NAME[kind]} friction; give condim={NEEDED[kind]} in gs.materials.Rigid "
            "or the file."
        )


class RigidGeom:
    """One geom.

    idx is its number in the scene (geom_a and geom_b of contacts), link its link (None: the world), row its place among the geoms of
    the entity that can touch something, or -1. description holds what the file says.
    """

    def __init__(self, entity: "EntityContacts", description: Geom, idx: int, row: int) -> None:
        self.entity, self.description, self.idx, self.row = entity, description, idx, row
        self.name, self.type, self.size, self.condim = description.name, description.type, description.size, description.condim
        self.link = entity.links[description.link - entity.link_start] if description.link >= 0 else None

    def get_friction(self, envs_idx: IndexLike = None) -> Tensor:
        """Sliding friction ([n_envs])."""
        return self._get("geom_friction", envs_idx)[..., SLIDING]

    def set_friction(self, friction: ArrayLike, envs_idx: IndexLike = None) -> None:
        """Sliding friction, one number or (n_envs,); differentiable."""
        what, solver = self._what("set_friction"), self.entity.solver
        rows = solver.envs_of(envs_idx)
        made = solver.inputs.rows_of(friction, what, (), rows).reshape(-1, 1)
        self.entity.put_friction(what, SLIDING, made, self._at("set_friction"), rows)

    def get_sol_params(self, envs_idx: IndexLike = None) -> Tensor:
        """solref (time constant [s], damping ratio) and solimp (5) ([n_envs,] 7)."""
        made = torch.cat([self._get("geom_solref", envs_idx), self._get("geom_solimp", envs_idx)], -1)
        return cast(Tensor, made)  # of gs.Tensors

    def set_sol_params(self, sol_params: ArrayLike, envs_idx: IndexLike = None) -> None:
        """solref and solimp ([n_envs,] 7), mixed with those of what it touches; differentiable.

        Raises: InputError for values that no contact can use.
        """
        what, solver, at = self._what("set_sol_params"), self.entity.solver, self._at("set_sol_params")
        rows = solver.envs_of(envs_idx)
        made = solver.inputs.rows_of(sol_params, what, (7,), rows)
        solver.inputs.finite(made, what)
        for values in np.atleast_2d(made.detach().cpu().numpy()).tolist():
            check_solref(what, "solref", tuple(values[:2]))
            check_solimp(what, "solimp", tuple(values[2:]))
        solver.parameters.set("geom_solref", made[:, None, :2], at, rows, what)
        solver.parameters.set("geom_solimp", made[:, None, 2:], at, rows, what)

    def _get(self, name: str, envs_idx: IndexLike) -> Tensor:
        solver = self.entity.solver
        return solver.give(take(solver.parameters.value(name), self._at("get"))[:, 0], solver.envs_of(envs_idx))

    def _at(self, method: str) -> Index:
        if self.row < 0:
            raise InputError(
                f"{self._what(method)}: the geom touches nothing (visual, collision off, or contype and conaffinity 0)."
            )
        return self.entity._geom_rows(self.row)

    def _what(self, method: str) -> str:
        return f'geom "{self.name}" of entity "{self.entity.name}".{method}'

    def __repr__(self) -> str:
        return f'<RigidGeom "{self.name}" ({self.type}) of "{self.entity.name}">'
