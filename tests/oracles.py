"""Robots with reference values from Pinocchio and MuJoCo: a few beside the tests, the rest in the shared data."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from genesis.description.poses import quat_to_matrix
from tests.reference_dynamics import ReferenceDynamics
from tests.shared import MODELS, needs_shared

LOCAL = Path(__file__).parent / "data" / "robots"
PINOCCHIO_LOCAL = ("panda_fixed", "solo12_fixed", "solo12_freeflyer", "ur5_fixed")
PINOCCHIO_SHARED = (
    *("allegro_right_fixed", "anymal_b_fixed", "anymal_b_freeflyer", "double_pendulum_simple_fixed", "finger_edu_fixed"),
    *("go2_fixed", "go2_freeflyer", "iris_fixed", "kinova_j2s6s200_fixed", "panda_fixed", "simple_humanoid_fixed"),
    *("simple_humanoid_freeflyer", "so101_fixed", "solo12_fixed", "solo12_freeflyer", "ur5_fixed"),
)
MUJOCO_LOCAL = ("gymnasium/ant", "gymnasium/half_cheetah", "brax/single_spherical_pendulum", "dmc/point_mass")
MUJOCO_SHARED = (
    *("dmc/pendulum", "dmc/cartpole", "dmc/acrobot", "dmc/cheetah", "dmc/hopper", "dmc/walker", "dmc/reacher", "dmc/point_mass"),
    *("gymnasium/inverted_pendulum", "gymnasium/inverted_double_pendulum", "gymnasium/ant", "gymnasium/half_cheetah"),
    *("brax/single_spherical_pendulum", "brax/single_pendulum_motor"),
)


def _cases(local: tuple[str, ...], shared: tuple[str, ...]) -> list:
    here = [pytest.param(LOCAL, name, id=f"local-{name}") for name in local]
    return here + [pytest.param(MODELS, name, id=f"shared-{name}", marks=needs_shared) for name in shared]


pinocchio_cases = pytest.mark.parametrize(("folder", "name"), _cases(PINOCCHIO_LOCAL, PINOCCHIO_SHARED))
mujoco_cases = pytest.mark.parametrize(("folder", "name"), _cases(MUJOCO_LOCAL, MUJOCO_SHARED))


def mujoco_oracle(folder: Path, name: str) -> dict[str, np.ndarray]:
    return dict(np.load(folder / "oracle_mujoco" / f"{name.replace('/', '_')}.npz"))


def pinocchio_oracle(folder: Path, name: str) -> dict[str, np.ndarray]:
    return dict(np.load(folder / "oracle_pinocchio" / f"{name}.npz"))


@dataclass
class PinocchioState:
    """One state in our coordinates: qpos (nq), qvel = T v (nv), T (nv, nv) and Ṫ v (nv) for the change of velocity variables."""

    qpos: np.ndarray
    qvel: np.ndarray
    T: np.ndarray
    T_dot_v: np.ndarray


def from_pinocchio(oracle: dict[str, np.ndarray], dynamics: ReferenceDynamics, k: int) -> PinocchioState:
    """State k of an oracle. Free flyers there have quaternions xyzw and body-frame linear velocity, continuous joints (cos, sin).

    Forces transform with Tᵀ: M_pin = Tᵀ M T, nle_pin = Tᵀ (bias + M Ṫ v).
    """
    qpos, T, T_dot_v = np.zeros(dynamics.nq), np.zeros((dynamics.nv, dynamics.nv)), np.zeros(dynamics.nv)
    q, v = oracle["q"][k], oracle["v"][k]
    for name, iq, nq, iv, nv in zip(*(oracle[key] for key in ("joint_names", "idx_q", "nq_j", "idx_v", "nv_j")), strict=True):
        at, column = dynamics.q_of[str(name)], dynamics.v_of[str(name)]
        if nv == 6:
            x, y, z, i, j, k_, w = q[iq : iq + 7]
            qpos[at : at + 7] = x, y, z, w, i, j, k_
            R = quat_to_matrix(qpos[at + 3 : at + 7])
            T[column : column + 3, iv : iv + 3] = R
            T[column + 3 : column + 6, iv + 3 : iv + 6] = np.eye(3)
            T_dot_v[column : column + 3] = R @ np.cross(v[iv + 3 : iv + 6], v[iv : iv + 3])
            continue
        qpos[at] = np.arctan2(q[iq + 1], q[iq]) if nq == 2 else q[iq]
        T[column, iv] = 1.0
    return PinocchioState(qpos, T @ v, T, T_dot_v)


def assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: float = 1e-8, scale: float = 0.0) -> None:
    """Largest difference relative to the largest expected value (or to ``scale``, for values that may vanish)."""
    expected = np.asarray(expected)
    size = max(float(np.abs(expected).max(initial=0.0)), scale)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * size)
