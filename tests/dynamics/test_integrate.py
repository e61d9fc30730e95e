"""Position update and Runge-Kutta rates on the manifold, with their adjoints, for every joint type."""

import numpy as np
import pytest

from genesis.dynamics.integrate import (
    displacement_rate,
    displacement_rate_adjoint,
    integrate_position,
    integrate_position_adjoint,
)
from tests.dynamics.conversions import advance, exp, quaternions, scalars, skew
from tests.dynamics.stages import Workbench, number
from tests.dynamics.systems import model_of

LANES = (1, 4)
DT = 0.3
MODEL = "pair"  # every joint type
STAGE = 2


def update(m, s) -> None:
    integrate_position(m, s, "q", "v", DT)


def update_adjoint(m, s) -> None:
    integrate_position_adjoint(m, s, "v", DT, "rate", "q_bar", "v_bar")


def rate_at(m, s) -> None:
    displacement_rate(m, s, number(m, DT))


def rate_adjoint(m, s) -> None:
    displacement_rate_adjoint(m, s, STAGE, number(m, DT))


def vectors(seed: int, lanes: int, size: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(lanes, size))


def states(lanes: int) -> np.ndarray:
    m = model_of(MODEL)
    return np.stack([advance(m, m.qpos0, x) for x in vectors(0, lanes, m.nv)])


def logarithm(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Tangent d with b = a (+) d."""
    from scipy.spatial.transform import Rotation

    m, d = model_of(MODEL), np.zeros(model_of(MODEL).nv)
    for q, v in scalars(m):
        d[v] = b[q] - a[q]
    for q, v in quaternions(m):
        x, y = (Rotation.from_quat(np.roll(z[q : q + 4], -1)) for z in (a, b))
        d[v : v + 3] = (x.inv() * y).as_rotvec()
    return d


@pytest.mark.parametrize("lanes", LANES)
def test_position_update(engine, lanes):
    """q (+) dt v; quaternions of any length come out of length one."""
    m, q, v = model_of(MODEL), states(lanes), vectors(1, lanes, model_of(MODEL).nv)
    bench = Workbench(m, lanes)
    (found,) = bench.run(update, "q", q=q, v=v)
    np.testing.assert_allclose(found, [advance(m, a, DT * b) for a, b in zip(q, v, strict=True)], atol=1e-15)
    longer = q.copy()
    for k, _ in quaternions(m):
        longer[:, k : k + 4] *= 1.7
    np.testing.assert_allclose(bench.run(update, "q", q=longer, v=v)[0], found, atol=2e-15)


@pytest.mark.parametrize("lanes", LANES)
def test_position_update_adjoint(engine, lanes):
    """next_bar . d' = q_bar . d + v_bar . dv for tangents: d' of q (+) dt v under d and dv, by differences."""
    m, q, h = model_of(MODEL), states(lanes), 1e-4
    v, next_bar, d, dv = (vectors(k, lanes, m.nv) for k in range(1, 5))
    zero = np.zeros(m.nv)

    q_bar, v_bar = Workbench(m, lanes).run(update_adjoint, "q_bar", "v_bar", v=v, rate=next_bar, q_bar=zero, v_bar=zero)
    for e in range(lanes):
        base = advance(m, q[e], DT * v[e])

        def moved(s, e=e, base=base):
            return logarithm(base, advance(m, advance(m, q[e], s * h * d[e]), DT * (v[e] + s * h * dv[e])))

        slope = (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * h)
        backward = q_bar[e] @ d[e] + v_bar[e] @ dv[e]
        assert next_bar[e] @ slope == pytest.approx(backward, rel=1e-9)


def test_rate_of_displacement(engine):
    """d/dt of u in q (+) u is J_r(u)^-1 v for quaternions: exp(u + eps J_r^-1 v) = exp(u) exp(eps v), and v for the rest."""
    m, h = model_of(MODEL), 1e-6
    before, v = vectors(5, 1, m.nv), vectors(6, 1, m.nv)
    (rate,) = Workbench(m).run(rate_at, "rate", rate=before, v=v)[0]
    for _, k in scalars(m):
        assert rate[k] == v[0, k]
    for _, k in quaternions(m):
        u, w = DT * before[0, k : k + 3], v[0, k : k + 3]
        inverse, forward = exp(-u), exp(u + h * rate[k : k + 3])
        turned = inverse[0] * forward[1:] + forward[0] * inverse[1:] + np.cross(inverse[1:], forward[1:])
        np.testing.assert_allclose(2 * turned / h, w, atol=1e-5)
        np.testing.assert_allclose(rate[k : k + 3] - w - 0.5 * skew(u) @ w, (skew(u) @ skew(u) @ w) / 12, atol=1e-3)


@pytest.mark.parametrize("lanes", LANES)
def test_rate_adjoint(engine, lanes):
    m, h = model_of(MODEL), 1e-4
    before, v, bar, d, dv = (vectors(k, lanes, m.nv) for k in range(7, 12))
    bench = Workbench(m, lanes)

    def rate(s):
        moved = {"rate": before + s * h * d, "v": v + s * h * dv}
        return bench.run(rate_at, "rate", **moved)[0]

    slope = (8 * (rate(1) - rate(-1)) - (rate(2) - rate(-2))) / (12 * h)
    stages = np.zeros((lanes, 4, m.nv))
    stages[:, STAGE - 1] = before
    bars = np.zeros((lanes, 4, m.nv))
    bars[:, STAGE] = bar
    given = dict(v=v, v_bar=np.zeros(m.nv), stage_rate=stages.reshape(lanes, -1), stage_rate_bar=bars.reshape(lanes, -1))
    rate_bar, v_bar = bench.run(rate_adjoint, "stage_rate_bar", "v_bar", **given)
    before_bar = rate_bar.reshape(lanes, 4, m.nv)[:, STAGE - 1]
    np.testing.assert_allclose((before_bar * d + v_bar * dv).sum(1), (bar * slope).sum(1), rtol=1e-9)
