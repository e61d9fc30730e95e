"""External forces and torques on links, in whatever frame and at whatever point they are given, to what the core takes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import torch

from genesis.errors import UnsupportedError
from genesis.grad.rotation import rotate
from genesis.scene.inputs import ArrayLike, Index, rows_of, take
from genesis.scene.options import link_ref_frame

if TYPE_CHECKING:
    from genesis.scene.solver import RigidSolver


class WrenchPlace(TypedDict, total=False):
    """Where and in which axes forces act: the fields of `Wrench` by these names."""

    pos: ArrayLike | None
    ref: link_ref_frame
    local: bool


@dataclass(frozen=True)
class Wrench:
    """force [N], torque [Nm], pos [m]: ([n_envs,] n_links, 3), (3,) or None; see `RigidEntity.apply_links_external_wrench`."""

    force: ArrayLike | None = None
    torque: ArrayLike | None = None
    pos: ArrayLike | None = None
    ref: link_ref_frame = link_ref_frame.link_origin
    local: bool = False


def add_wrench(solver: "RigidSolver", wrench: Wrench, columns: Index, rows: Index | None, what: str) -> None:
    """Add the wrench to those of the next step, as force and torque at the link origins in the world frame.

    Raises: InputError (shapes), UnsupportedError for an unknown reference.
    """
    at_centre = wrench.ref is link_ref_frame.link_COM
    if not at_centre and wrench.ref is not link_ref_frame.link_origin:
        raise UnsupportedError(f"{what}: ref {wrench.ref} is not supported; allowed: gs.link_ref_frame.link_origin, link_COM.")
    force, torque = (_vectors(solver, value, columns, rows, what) for value in (wrench.force, wrench.torque))
    arm = None
    if wrench.local or at_centre or wrench.pos is not None:
        xpos, xquat, _, _ = solver.kinematics()
        xpos, xquat = rows_of(take(xpos, columns), rows), rows_of(take(xquat, columns), rows)
        if at_centre and (wrench.local or wrench.pos is None):
            arm = rotate(xquat, rows_of(take(solver.parameters.value("link_com"), columns), rows))
        if wrench.local:
            force, torque = rotate(xquat, force), rotate(xquat, torque)
        if wrench.pos is not None:
            point = _vectors(solver, wrench.pos, columns, rows, what)
            arm = (rotate(xquat, point) + (0.0 if arm is None else arm)) if wrench.local else point - xpos
    if arm is not None:
        torque = torque + torch.linalg.cross(*torch.broadcast_tensors(arm, force))
    solver.controls.add_wrench(torch.cat(torch.broadcast_tensors(force, torque), -1), columns, rows)


def _vectors(solver: "RigidSolver", value: ArrayLike | None, columns: Index, rows: Index | None, what: str) -> torch.Tensor:
    """(b or 1, n or 1, 3); None is zero; a single vector stands for all links."""
    inputs = solver.inputs
    if value is None:
        return torch.zeros(1, 1, 3, dtype=inputs.dtype, device=inputs.device)
    made = inputs.tensor(value, what)
    if made.shape == (3,):
        return made.view(1, 1, 3)
    return inputs.rows_of(value, what, (columns.n, 3), rows)
