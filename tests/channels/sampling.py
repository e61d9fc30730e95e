"""Samples of motion at states of choice, and channels on shipped robots."""

from typing import Any

import torch

from genesis.channels import CHANNELS, Channel, Sample
from genesis.setting import Setting
from tests.settings import numbers


def made(setting: Setting, kind: str, names: list[str], **options: Any) -> Channel:
    """A channel as a config would make it."""
    return CHANNELS[kind](setting, "observation.channels.test", names, **options)


def random_state(setting: Setting, rows: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """qpos, qvel, qacc, dof_ctrl (rows, n) of a robot of hinges and slides."""
    random = torch.Generator().manual_seed(seed)
    nv = setting.start_qvel.shape[-1]
    return {name: torch.randn(rows, nv, generator=random, dtype=torch.float64) for name in ("qpos", "qvel", "qacc", "dof_ctrl")}


def moving(
    setting: Setting, qpos: torch.Tensor, qvel: torch.Tensor, qacc: torch.Tensor, half: float = 1e-4, **more: Any
) -> Sample:
    """The middle of a time step 2 half of uniform acceleration (N, nv), of a robot of hinges and slides."""
    ends = [(qpos + s * half * qvel + 0.5 * half**2 * qacc, qvel + s * half * qacc) for s in (-1.0, 1.0)]
    physics = setting.scene.rigid_solver.physics
    given = {"theta": physics.pack(), "dof_ctrl": torch.zeros_like(qvel), **more}
    return Sample(physics=physics, dt=2.0 * half, qpos=qpos, qvel=qvel, left=ends[0], right=ends[1], qacc=qacc, **given)


def still(setting: Setting, *qpos: float, qvel: Any = None) -> Sample:
    """One instant without acceleration."""
    q = numbers(qpos)
    v = torch.zeros(1, setting.start_qvel.shape[-1], dtype=torch.float64) if qvel is None else numbers(qvel)
    return moving(setting, q, v, torch.zeros_like(v))
