"""tau = Y(q, v, a) phi: the forces of inverse dynamics are linear in what links weigh.

    phi of a link = (m, h, I_o),   h = m c,   I_o = xx yy zz xy xz yz about the origin of the link, in its axes
    wrench at the origin:  f = m a + (alpha x + omega x omega x) h,    n = h x a + I_o alpha + omega x I_o omega
    tau of a motion axis = its motion in link axes (angular, linear at the origin) . (n, f), summed over the links that it moves

All links of all samples at once, in torch, so that what the geometry of the robot does to the forces has derivatives too.
Source: Atkeson, An, Hollerbach, Estimation of inertial parameters of manipulator loads and links, 1986; Featherstone (2008), table 5.1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis.description.kinds import ELEMENTARY
from genesis.errors import InputError
from genesis.grad.rotation import matrix, normalized
from genesis.model.model import Model

PER_LINK = ("mass", "hx", "hy", "hz", "ixx", "iyy", "izz", "ixy", "ixz", "iyz")
UNITS = ("kg", "kg m", "kg m", "kg m", "kg m²", "kg m²", "kg m²", "kg m²", "kg m²", "kg m²")


@dataclass
class _Axis:
    """A motion axis in the world: angular (N, 3) or None, a point on it (N, 3), linear part (N, 3) or None, and its degree of freedom."""

    angular: Tensor | None
    point: Tensor
    linear: Tensor | None
    dof: int


@dataclass
class _Moving:
    """A link: rotation (N, 3, 3), origin (N, 3), spatial velocity and acceleration about the world's origin as (angular, linear)."""

    rotation: Tensor
    origin: Tensor
    velocity: tuple[Tensor, Tensor]
    acceleration: tuple[Tensor, Tensor]
    axes: list[_Axis]


class TorqueRegressor:
    """Columns of Y for a model whose joints have one coordinate each (mimics too).

    Links that are fixed to each other weigh as one: ``groups`` holds the first link of each body that moves, in whose axes its phi is.

    Raises: InputError for a model with free or ball joints.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.kinds = [ELEMENTARY[int(code)] for code in model.integers["jnt_type"]]
        wrong = next((joint for joint in model.joints if not joint.kind.scalar), None)
        if wrong is not None:
            raise InputError(
                f'residual=torque: joint "{wrong.name}" is a {wrong.type} joint, whose force and torque no drive measures; allowed: hinges '
                "and slides on a fixed base (robot.fixed=true). Use residual=motion for this robot."
            )
        self.root: list[int] = []  # of each link, the first one of its body; -1: fixed to the world
        for index, slot in enumerate(model.integers["link_parent"]):
            fixed = int(model.integers["link_jntnum"][index]) == 0
            self.root.append(index if not fixed else -1 if slot == 0 else self.root[int(slot) - 1])
        self.groups = [index for index, root in enumerate(self.root) if root == index]

    @property
    def count(self) -> int:
        """Bodies that move."""
        return len(self.groups)

    def columns(self, theta: Tensor, qpos: Tensor, qvel: Tensor, qacc: Tensor) -> Tensor:
        """(N, nv, bodies, 10) at samples (N, nq), (N, nv), (N, nv) under packed parameters theta (P,), of which the geometry counts."""
        links = self._links(theta, qpos, qvel, qacc)
        made = qpos.new_zeros(len(qpos), self.model.nv, self.count, 10)
        for place, index in enumerate(self.groups):
            link = links[index]
            column = _motions(link) @ _body_columns(link)  # (N, axes, 10)
            for k, axis in enumerate(link.axes):
                made[:, axis.dof, place] = made[:, axis.dof, place] + column[:, k]
        return made

    def bodies(self, theta: Tensor, phi: Tensor) -> Tensor:
        """(bodies, 10): what the links (nlink, 10) of each body weigh together, in the axes of its first link.

        Pseudo-inertias add up: J = sum of H_l J_l H_l^T, with the pose H_l of a link in those axes.
        """
        basis = torch.as_tensor(pseudo_basis(), dtype=phi.dtype)
        pseudo = torch.einsum("lk,kij->lij", phi, basis)
        position, quat = self.value(theta, "link_pos"), self.value(theta, "link_quat")
        poses: list[Tensor | None] = []
        sums: dict[int, Tensor] = {}
        for index, root in enumerate(self.root):
            if root in (index, -1):
                poses.append(None)
            else:
                parent = poses[int(self.model.integers["link_parent"][index]) - 1]
                own = _homogeneous(matrix(normalized(quat[index])), position[index])
                poses.append(own if parent is None else parent @ own)
            pose = poses[-1]
            here = pseudo[index] if pose is None else pose @ pseudo[index] @ pose.transpose(-1, -2)
            if root >= 0:
                sums[root] = sums[root] + here if root in sums else here
        together = torch.stack([sums[index] for index in self.groups])
        second, first, mass = together[:, :3, :3], together[:, :3, 3], together[:, 3, 3]
        trace = second.diagonal(dim1=-2, dim2=-1).sum(-1)
        moments = trace.unsqueeze(-1) - second.diagonal(dim1=-2, dim2=-1)
        products = -torch.stack([second[:, 0, 1], second[:, 0, 2], second[:, 1, 2]], -1)
        return torch.cat([mass.unsqueeze(-1), first, moments, products], -1)

    def value(self, theta: Tensor, name: str) -> Tensor:
        """A parameter of theta (P,), (rows, width) or (rows,)."""
        first, count = self.model.parameter_offsets[name]
        return theta[first : first + count].reshape(self.model.parameters[name].shape)

    def _links(self, theta: Tensor, q: Tensor, v: Tensor, a: Tensor) -> list[_Moving]:
        """Links that begin a body; a link fixed to another has its pose alone, to hang others on."""
        integers, count = self.model.integers, len(q)
        names = ("gravity", "link_pos", "link_quat", "jnt_axis", "jnt_pos", "jnt_scale", "jnt_offset", "jnt_pitch")
        value = {name: self.value(theta, name) for name in names}
        zero = q.new_zeros(count, 3)
        world = _Moving(
            torch.eye(3, dtype=q.dtype).expand(count, 3, 3), zero, (zero, zero), (zero, -value["gravity"].expand(count, 3)), []
        )
        needed = {int(slot) - 1 for slot in integers["link_parent"]} | set(self.groups)
        made: list[_Moving] = []
        for index in range(len(self.model.links)):
            slot = int(integers["link_parent"][index])
            parent = world if slot == 0 else made[slot - 1]
            if index not in needed:
                made.append(parent)
                continue
            link = _Moving(
                parent.rotation @ matrix(normalized(value["link_quat"][index])),
                parent.origin + parent.rotation @ value["link_pos"][index],
                parent.velocity, parent.acceleration, list(parent.axes),
            )  # fmt: skip
            first = int(integers["link_jntadr"][index])
            for joint in range(first, first + int(integers["link_jntnum"][index])):
                self._cross(link, value, joint, q, v, a)
            made.append(link)
        return made

    def _cross(self, link: _Moving, value: dict[str, Tensor], joint: int, q: Tensor, v: Tensor, a: Tensor) -> None:
        """A joint, in place: pose, its axis, velocity and acceleration behind it."""
        integers, kind = self.model.integers, self.kinds[joint]
        scale, dof = value["jnt_scale"][joint], int(integers["jnt_dof"][joint])
        moved = scale * q[:, int(integers["jnt_qadr"][joint])] + value["jnt_offset"][joint]
        axis = value["jnt_axis"][joint]
        anchor = link.origin + link.rotation @ value["jnt_pos"][joint]
        direction = link.rotation @ axis  # a turn leaves its own axis in place
        if kind.turns:
            link.rotation = link.rotation @ _turn(axis, moved)
            pitch = value["jnt_pitch"][joint] if kind.has("pitch") else None
            if pitch is not None:
                anchor = anchor + direction * (pitch * moved).unsqueeze(-1)
            link.origin = anchor - link.rotation @ value["jnt_pos"][joint]
            here = _Axis(scale * direction, anchor, None if pitch is None else scale * pitch * direction, dof)
        else:
            link.origin = link.origin + direction * moved.unsqueeze(-1)
            here = _Axis(None, anchor, scale * direction, dof)
        link.axes.append(here)
        angular = torch.zeros_like(anchor) if here.angular is None else here.angular
        linear = torch.linalg.cross(here.point, angular)
        linear = linear if here.linear is None else linear + here.linear
        rate, growth = v[:, dof : dof + 1], a[:, dof : dof + 1]
        turned, pushed = angular * rate, linear * rate
        (w, u), (dw, du) = link.velocity, link.acceleration
        link.acceleration = (
            dw + angular * growth + torch.linalg.cross(w, turned),
            du + linear * growth + torch.linalg.cross(w, pushed) + torch.linalg.cross(u, turned),
        )
        link.velocity = w + turned, u + pushed


def _turn(axis: Tensor, angle: Tensor) -> Tensor:
    """(N, 3, 3): 1 + sin(angle) K + (1 - cos(angle)) K^2, K = axis times."""
    k = _skew(axis)
    sine, cosine = torch.sin(angle)[:, None, None], torch.cos(angle)[:, None, None]
    return torch.eye(3, dtype=axis.dtype) + sine * k + (1.0 - cosine) * (k @ k)


def _homogeneous(rotation: Tensor, position: Tensor) -> Tensor:
    """(4, 4)"""
    last = torch.eye(4, dtype=rotation.dtype)[3:]
    return torch.cat([torch.cat([rotation, position.unsqueeze(-1)], -1), last])


def _skew(x: Tensor) -> Tensor:
    """(..., 3, 3): x times."""
    a, b, c = x.unbind(-1)
    o = torch.zeros_like(a)
    return torch.stack([o, -c, b, c, o, -a, -b, a, o], -1).unflatten(-1, (3, 3))


def _of_inertia(w: Tensor) -> Tensor:
    """(N, 3, 6): I w as a product with (xx, yy, zz, xy, xz, yz)."""
    x, y, z = w.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([x, o, o, y, z, o, o, y, o, x, o, z, o, o, z, o, x, y], -1).unflatten(-1, (3, 6))


def _body_columns(link: _Moving) -> Tensor:
    """(N, 6, 10): torque and force at the origin in link axes per unit of phi."""
    (w, u), (dw, du) = link.velocity, link.acceleration
    speed = u + torch.linalg.cross(w, link.origin)
    proper = du + torch.linalg.cross(dw, link.origin) + torch.linalg.cross(w, speed)  # acceleration of the origin less gravity
    back = torch.stack([proper, w, dw], -2) @ link.rotation  # (N, 3, 3): rows in link axes
    a, omega, alpha = back.unbind(-2)
    turning = _skew(omega)
    made = a.new_zeros(len(a), 6, 10)
    made[:, :3, 1:4] = -_skew(a)
    made[:, :3, 4:] = _of_inertia(alpha) + turning @ _of_inertia(omega)
    made[:, 3:, 0] = a
    made[:, 3:, 1:4] = _skew(alpha) + turning @ turning
    return made


def _motions(link: _Moving) -> Tensor:
    """(N, axes, 6): angular velocity, and that of the origin, per unit of each axis, in link axes."""
    angular, linear = [], []
    for axis in link.axes:
        turning = torch.zeros_like(axis.point) if axis.angular is None else axis.angular
        arm = torch.linalg.cross(turning, link.origin - axis.point)
        angular.append(turning)
        linear.append(arm if axis.linear is None else arm + axis.linear)
    return torch.cat([torch.stack(angular, 1) @ link.rotation, torch.stack(linear, 1) @ link.rotation], -1)


# ---- bodies


def phi_of(mass: Tensor, com: Tensor, inertia: Tensor) -> Tensor:
    """(L, 10) of mass (L,), centre (L, 3) and inertia about it (L, 6: xx yy zz xy xz yz)."""
    x, y, z = com.unbind(-1)
    about = torch.stack([y * y + z * z, x * x + z * z, x * x + y * y, -x * y, -x * z, -y * z], -1)
    return torch.cat([mass.unsqueeze(-1), mass.unsqueeze(-1) * com, inertia + mass.unsqueeze(-1) * about], -1)


def body_of(phi: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """mass, centre of mass and inertia about it of phi (L, 10)."""
    mass, com = phi[:, 0], phi[:, 1:4] / phi[:, :1]
    return mass, com, phi[:, 4:] - (phi_of(mass, com, torch.zeros_like(phi[:, 4:]))[:, 4:])


def pseudo_basis() -> np.ndarray:
    """(10, 4, 4): J = sum of phi_k E_k = [[S, h], [h^T, m]],  S = tr(I_o) / 2 - I_o.

    Source: Wensing, Kim, Slotine, Linear matrix inequalities for physically consistent inertial parameter identification, 2018.
    """
    made = np.zeros((10, 4, 4))
    made[0, 3, 3] = 1.0
    for k in range(3):
        made[1 + k, k, 3] = made[1 + k, 3, k] = 1.0
        made[4 + k, :3, :3] = 0.5 * np.eye(3)
        made[4 + k, k, k] = -0.5
    for column, (i, j) in enumerate(((0, 1), (0, 2), (1, 2))):
        made[7 + column, i, j] = made[7 + column, j, i] = -1.0
    return made


def described_phi(value: Any) -> Tensor:
    """(nlink, 10) of a function from names of physical parameters to their values."""
    return phi_of(value("link_mass"), value("link_com"), value("link_inertia"))
