"""Friction laws in operations of torch; the kernels' are in `genesis.dynamics.friction_laws`."""

import math

import torch
from torch import Tensor

from genesis.description.friction_law import FRICTION_LAW, LEAST_VELOCITY


def friction_force(law: Tensor, v: Tensor) -> Tensor:
    """f(v) (..., nv) [Nm | N], against the motion where positive; law (..., nv, 8): dof_frictionlaw, v (..., nv)."""
    x = {name: law[..., k] for name, k in FRICTION_LAW.items()}
    sign = _sign(x["law"], v / x["slip_velocity"].clamp(min=LEAST_VELOCITY))
    fade = torch.exp(-((v / x["stribeck_velocity"].clamp(min=LEAST_VELOCITY)) ** 2))
    made = sign * (_even(x, "coulomb") + x["excess"] * fade + _odd(x, "coulomb") * sign)
    return torch.where(x["law"] > 0.5, made + (_even(x, "viscous") + _odd(x, "viscous") * sign) * v, 0.0)


def friction_damping(law: Tensor, v: Tensor) -> Tensor:
    """What of the slope f'(v) (..., nv) acts at the end of a step: f' where it is positive."""
    x = {name: law[..., k] for name, k in FRICTION_LAW.items()}
    slip, stribeck = (x[name].clamp(min=LEAST_VELOCITY) for name in ("slip_velocity", "stribeck_velocity"))
    u, sign = v / slip, _sign(x["law"], v / slip)
    slope = torch.where(x["law"] > 1.5, 2.0 / math.pi / (1.0 + u * u), 1.0 - torch.tanh(u) ** 2) / slip
    fade = torch.exp(-((v / stribeck) ** 2))
    made = slope * (_even(x, "coulomb") + x["excess"] * fade + 2.0 * _odd(x, "coulomb") * sign)
    made = made - sign * x["excess"] * fade * 2.0 * v / stribeck**2
    made = made + _even(x, "viscous") + _odd(x, "viscous") * (sign + v * slope)
    return torch.where(x["law"] > 0.5, made.clamp(min=0.0), 0.0)


def _sign(law: Tensor, u: Tensor) -> Tensor:
    return torch.where(law > 1.5, 2.0 / math.pi * torch.atan(u), torch.tanh(u))


def _even(x: dict[str, Tensor], name: str) -> Tensor:
    return 0.5 * (x[f"{name}_forward"] + x[f"{name}_backward"])


def _odd(x: dict[str, Tensor], name: str) -> Tensor:
    return 0.5 * (x[f"{name}_forward"] - x[f"{name}_backward"])
