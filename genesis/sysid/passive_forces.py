"""Forces that joints need beside those of inertia and gravity: damping, dry friction, springs, and friction laws of joints and motors.

    D v' + F tanh(v' / slip) + K (q - q_s) + f(v) + f'(v) (v' - v) + sum of c g(sum of c v)

f, g: friction laws of a joint and of an actuator with coefficients c. One place for all balances of forces over a measured motion.
"""

import torch
from torch import Tensor

from genesis.channels.joint_torque import JointForces
from genesis.channels.sample import Sample
from genesis.grad.friction import friction_damping, friction_force

SLIP = 0.05  # [rad/s | m/s] at which dry friction has turned over, where nobody says


def passive_forces(forces: JointForces, sample: Sample, q: Tensor, v: Tensor, end: Tensor, slip: float) -> Tensor:
    """(N, nv) [Nm | N] at q (N, nq) and v (N, nv); end (N, nv): velocities v' at which damping and dry friction act."""
    value = sample.parameter
    made = value("dof_damping") * end + value("dof_frictionloss") * torch.tanh(end / slip)
    return made + value("dof_stiffness") * (q - value("qpos_spring"))[:, forces.coordinates] + law_forces(forces, sample, v, end)


def law_forces(forces: JointForces, sample: Sample, v: Tensor, end: Tensor | None = None) -> Tensor:
    """(N, nv) [Nm | N] of the friction laws alone at velocities v; end (N, nv): where damping acts, None: at v."""
    if not sample.physics.friction_laws:
        return torch.zeros_like(v)
    law = sample.parameter("dof_frictionlaw").unflatten(-1, (v.shape[1], -1))
    made = friction_force(law, v) + forces.friction(sample, v)
    return made if end is None else made + friction_damping(law, v) * (end - v)
