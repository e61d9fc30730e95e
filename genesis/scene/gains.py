"""Gains of the joint controllers until somebody sets them."""

import torch

from genesis.model.model import Model

RATE = 50.0  # [rad/s] natural frequency of a joint under its default gains, critically damped


def default_gains(model: Model, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """kp = ω² M_ii of joints of one coordinate, kv = 2 ω M_ii of all but free joints, which have none; (nv,) each, M_ii at qpos0.

    One pair of numbers for all joints is a weak spring for a shoulder and a stiff one for a finger. These depend on the joint alone: each,
    the others held, goes to its target without overshoot in about 0.1 s, and a pendulum of length l sags by g/(ω² l).
    """
    kp, kv = torch.zeros_like(like), torch.zeros_like(like)
    inertia = torch.as_tensor(model.dof_inertia).to(like)
    for joint in model.joints:
        dofs = slice(joint.dof_adr, joint.dof_adr + joint.nv)
        if joint.kind.scalar:
            kp[dofs] = RATE**2 * inertia[dofs]
        if not joint.kind.floats:
            kv[dofs] = 2.0 * RATE * inertia[dofs]
    return kp, kv
