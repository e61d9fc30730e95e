"""States as points of a curved space: moving along tangents, differences, and values between two time steps."""

import torch
from torch import Tensor

from genesis.grad.rotation import from_rotation_vector, multiply
from genesis.grad.tangent import plain_coordinates, quaternions
from genesis.model.model import Model
from genesis.selection import indices, quaternion_error


class StateSpace:
    """Which coordinates are plain numbers and which are quaternions.

    x = (qpos, qvel), (..., nx); tangents (..., 2 nv): of the position in the axes of qvel, then of the velocity.
    """

    def __init__(self, model: Model) -> None:
        self.nq, self.nv = model.nq, model.nv
        self.nx, self.nt = model.nq + model.nv, 2 * model.nv
        plain = list(plain_coordinates(model))
        self.plain_q, self.plain_v = indices([q for q, _ in plain]), indices([v for _, v in plain])
        self.quats = [(q.start, v.start) for q, v in quaternions(model)]

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """qpos (..., nq), qvel (..., nv)."""
        return x[..., : self.nq], x[..., self.nq :]

    def retract(self, x: Tensor, tangent: Tensor) -> Tensor:
        """x ⊕ tangent."""
        q, v = self.split(x)
        dq, dv = tangent[..., : self.nv], tangent[..., self.nv :]
        moved = q.index_add(-1, self.plain_q, dq.index_select(-1, self.plain_v).expand(*q.shape[:-1], -1))
        for adr, dof in self.quats:
            turned = multiply(q[..., adr : adr + 4], from_rotation_vector(dq[..., dof : dof + 3]))
            moved = torch.cat([moved[..., :adr], turned, moved[..., adr + 4 :]], -1)
        return torch.cat([moved, v + dv], -1)

    def difference(self, x: Tensor, y: Tensor) -> Tensor:
        """x ⊖ y (..., 2 nv): twice the sine of half the angle about each axis for quaternions."""
        (q, v), (p, w) = self.split(x), self.split(y)
        delta = q.new_zeros(*q.shape[:-1], self.nv)
        delta = delta.index_copy(-1, self.plain_v, (q - p).index_select(-1, self.plain_q))
        for adr, dof in self.quats:
            turned = 2.0 * quaternion_error(q[..., adr : adr + 4], p[..., adr : adr + 4])
            delta = torch.cat([delta[..., :dof], turned, delta[..., dof + 3 :]], -1)
        return torch.cat([delta, v - w], -1)

    def between(self, left: Tensor, right: Tensor, fraction: Tensor, dt: float) -> Tensor:
        """State (N, nx) at ``fraction`` (N,) of a time step from left to right (N, nx).

        Plain positions by a cubic with the velocities at both ends as slopes, velocities linearly, quaternions linearly and normalised.
        Before 0 and after 1 (where a delay reaches out of a window) positions go on with the velocity of the near end.
        """
        s = fraction.unsqueeze(-1)
        inside = s.clamp(0.0, 1.0)
        beyond = s - inside
        (q, v), (p, w) = self.split(left), self.split(right)
        near = torch.where(beyond < 0.0, v, w).index_select(-1, self.plain_v)
        plain = self._cubic(q, v, p, w, inside, dt) + dt * beyond * near
        moved = (q + s * (p - q)).index_copy(-1, self.plain_q, plain)
        for adr, _ in self.quats:
            unit = torch.nn.functional.normalize(moved[..., adr : adr + 4], dim=-1)
            moved = torch.cat([moved[..., :adr], unit, moved[..., adr + 4 :]], -1)
        return torch.cat([moved, v + inside * (w - v)], -1)

    def _cubic(self, q: Tensor, v: Tensor, p: Tensor, w: Tensor, s: Tensor, dt: float) -> Tensor:
        take = (q.index_select(-1, self.plain_q), p.index_select(-1, self.plain_q))
        slopes = (dt * v.index_select(-1, self.plain_v), dt * w.index_select(-1, self.plain_v))
        h00, h10, h01, h11 = cubic_weights(s)
        return h00 * take[0] + h10 * slopes[0] + h01 * take[1] + h11 * slopes[1]


def cubic_weights(s: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Hermite's weights of value and slope at the left and at the right end."""
    s2, s3 = s * s, s * s * s
    return 2 * s3 - 3 * s2 + 1, s3 - 2 * s2 + s, 3 * s2 - 2 * s3, s3 - s2
