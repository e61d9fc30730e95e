"""Adjoints of the state that are kept short on their way back through time."""

from typing import Any

import torch
from torch import Tensor


class Clipped(torch.autograd.Function):
    """A state as it is, whose adjoint (q_bar, v_bar) of each environment is no longer than so much."""

    @staticmethod
    def forward(ctx: Any, qpos: Tensor, qvel: Tensor, most: float) -> tuple[Tensor, Tensor]:
        ctx.most = most
        return qpos.view_as(qpos), qvel.view_as(qvel)

    @staticmethod
    def backward(ctx: Any, q_bar: Tensor, v_bar: Tensor) -> tuple[Tensor, Tensor, None]:
        length = torch.cat([q_bar, v_bar], -1).norm(dim=-1, keepdim=True)
        factor = (ctx.most / length.clamp(min=1e-300)).clamp(max=1.0)
        return q_bar * factor, v_bar * factor, None
