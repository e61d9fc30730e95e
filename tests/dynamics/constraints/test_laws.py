"""Each force law and each stiffness rule on its own: forces, Hessians, line search and adjoints against differences of values."""

import numpy as np
import pytest
import taichi as ti

from genesis.dynamics.constraints import laws
from genesis.dynamics.constraints.impedance import impedance, impedance_adjoint, reference, reference_adjoint
from genesis.dynamics.constraints.ledger import BLOCK_WIDTH, LARGEST, PLACE
from genesis.math.lanes import Cells, let
from genesis.math.trace import tracing

KINDS = ("EQUALITY", "BOUNDED", "UNILATERAL", "PYRAMID", "ELLIPTIC")
COUNT = 400  # random blocks a law
ALPHA = 0.3  # where on the search line
STEP = 1e-6


class Slab:
    """Blocks one after the other, with the methods of a ledger that the laws use."""

    _data_oriented = True

    def __init__(self, array) -> None:
        self.array = array

    def block(self, b, name, k=0) -> Cells:
        return Cells(self.array, let(b * BLOCK_WIDTH + PLACE[name] + k))

    def get(self, b, name, k=0):
        return self.block(b, name, k).get()

    def set(self, b, name, value, k=0) -> None:
        self.block(b, name, k).set(value)

    def integer(self, b, name):
        return let(ti.cast(self.get(b, name), ti.i32))


@ti.kernel
def evaluate(array: ti.types.ndarray(), out: ti.types.ndarray(), count: ti.i32, adjoint: ti.template()):
    for b in range(count):
        c = Slab(array)
        out[3 * b] = laws.law(c, b, True)
        found = laws.law_along(c, b, ALPHA)
        out[3 * b + 1] = found[0]
        out[3 * b + 2] = found[1]
        if ti.static(adjoint):
            laws.law_adjoint(c, b)


class Blocks:
    """Random blocks of one law: y, search direction, D, friction, and a direction p for the adjoint."""

    def __init__(self, kind: str, seed: int = 0) -> None:
        rng, self.data = np.random.default_rng(seed), np.zeros((COUNT, BLOCK_WIDTH))
        cone = kind in ("PYRAMID", "ELLIPTIC")
        self.dim = rng.choice([3, 4, 6], COUNT) if cone else rng.integers(1, 7, COUNT)
        self.set("kind", getattr(laws, kind))
        self.set("dim", self.dim)
        for name, width in (("y", LARGEST), ("dy", LARGEST), ("p", LARGEST)):
            self.set(name, rng.normal(size=(COUNT, width)) * (1.0 if name == "y" else 0.5))
        self.set("mu", rng.uniform(0.2, 1.5, (COUNT, 5)))
        d = rng.uniform(0.5, 2.0, (COUNT, LARGEST))
        if kind == "ELLIPTIC":  # D of the friction rows follows the friction, as `rows.row_factor` makes it
            d[:, 1:] = d[:, :1] * (self.get("mu") / self.get("mu")[:, :1]) ** 2 * rng.uniform(0.5, 5.0, (COUNT, 1))
        self.set("d", d if kind != "PYRAMID" else d[:, :1])

    def place(self, name: str, width: int) -> slice:
        return slice(PLACE[name], PLACE[name] + width)

    def set(self, name: str, value) -> None:
        value = np.asarray(value, float).reshape(-1, 1) if np.ndim(value) < 2 else value
        self.data[:, self.place(name, value.shape[1])] = value

    def get(self, name: str) -> np.ndarray:
        return self.data[:, self.place(name, 5 if name.startswith("mu") else LARGEST)]

    def run(self, adjoint: bool = False, **shift) -> tuple["Blocks", np.ndarray]:
        """A copy with fields shifted and the law applied, and (cost, slope, curvature)."""
        after = object.__new__(Blocks)
        after.data, after.dim, out = self.data.copy(), self.dim, np.zeros((COUNT, 3))
        for name, value in shift.items():
            after.data[:, self.place(name, value.shape[1])] += value
        with tracing():
            evaluate(after.data.reshape(-1), out.reshape(-1), COUNT, adjoint)
        return after, out

    def mask(self, name: str) -> np.ndarray:
        """Which entries of a field count: those of the rows that the block has."""
        last = self.dim[:, None] - (name == "mu")
        return np.arange(5 if name == "mu" else LARGEST) < last

    def forces(self, **shift) -> np.ndarray:
        return self.run(**shift)[0].get("f") * self.mask("f")


def central(function, name: str, along: np.ndarray) -> np.ndarray:
    return (function(**{name: STEP * along}) - function(**{name: -STEP * along})) / (2.0 * STEP)


def assert_near(actual, expected, what: str) -> None:
    """All but the few blocks that have a kink within the step."""
    error = np.abs(actual - expected).reshape(COUNT, -1).max(1) / (1.0 + np.abs(expected).max())
    assert (error > 1e-7).sum() <= 2, (what, np.sort(error)[-5:])


@pytest.mark.parametrize("kind", KINDS)
def test_forces_are_minus_the_gradient_of_the_cost(engine, kind):
    blocks, rng = Blocks(kind), np.random.default_rng(1)
    along = rng.normal(size=(COUNT, LARGEST)) * blocks.mask("y")
    expected = central(lambda **shift: blocks.run(**shift)[1][:, 0], "y", along)
    assert_near(-(blocks.forces() * along).sum(1), expected, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_the_hessian_is_the_slope_of_the_forces(engine, kind):
    blocks, rng = Blocks(kind), np.random.default_rng(2)
    along = rng.normal(size=(COUNT, LARGEST)) * blocks.mask("y")
    stored, found = blocks.run()[0].data[:, PLACE["hess"] : PLACE["hess"] + LARGEST**2], np.zeros((COUNT, LARGEST))
    for b, dim in enumerate(blocks.dim):
        hess = stored[b, : dim * dim].reshape(dim, dim)
        np.testing.assert_allclose(hess, hess.T, atol=1e-14)
        assert np.linalg.eigvalsh(hess).min() >= -1e-12  # convex
        found[b, :dim] = -hess @ along[b, :dim]
    assert_near(found, central(blocks.forces, "y", along), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_the_line_search_sees_the_cost_along_the_direction(engine, kind):
    blocks = Blocks(kind)
    step = blocks.get("dy") * blocks.mask("y")
    _, out = blocks.run()
    ahead = blocks.run(y=ALPHA * step)[0]
    assert_near(out[:, 1], -(ahead.get("f") * step).sum(1), kind)
    force = lambda **shift: -(blocks.run(y=ALPHA * step + shift["y"])[0].get("f") * step).sum(1)  # noqa: E731
    assert_near(out[:, 2], central(force, "y", step), kind)


@pytest.mark.parametrize("name", ["y", "d", "mu"])
@pytest.mark.parametrize("kind", KINDS)
def test_adjoints_are_gradients_of_the_forces(engine, kind, name):
    """Gradient of p . f in y, D and the friction (or the bound)."""
    blocks, rng = Blocks(kind), np.random.default_rng(3)
    along = rng.normal(size=blocks.get(name).shape) * blocks.mask(name)
    if kind in ("EQUALITY", "UNILATERAL") and name == "mu":
        along[:] = 0.0
    if kind == "BOUNDED" and name == "mu":  # one bound for all rows; a block of dry friction has one row
        blocks.dim[:] = 1
        blocks.set("dim", blocks.dim)
        along = rng.normal(size=along.shape) * [1, 0, 0, 0, 0]
    if kind == "PYRAMID" and name == "d":
        along[:, 1:] = 0.0
    if kind == "ELLIPTIC" and name == "d":  # the cone is written with the ratio of the first two, the others follow the friction
        after = blocks.run(adjoint=True)[0]
        along = blocks.get("d") * rng.normal(size=(COUNT, 1)) * blocks.mask("d")
    p = blocks.get("p") * blocks.mask("f")
    after = blocks.run(adjoint=True)[0]
    found = after.get("dy") * -1.0 if name == "y" else after.get(f"{name}_bar")
    assert_near((found * along).sum(1), central(lambda **shift: (p * blocks.forces(**shift)).sum(1), name, along), kind)


def test_bounds_of_dry_friction_hold(engine):
    blocks = Blocks("BOUNDED")
    assert (np.abs(blocks.forces()) <= blocks.get("mu")[:, :1] * (1.0 + 1e-12)).all()


def test_dry_friction_of_zero_holds_nothing(engine):
    """A bound of zero at a velocity of exactly zero: no stiffness. Rows of zero friction stand there for the gradient in it."""
    blocks = Blocks("BOUNDED")
    blocks.set("mu", 0.0)
    blocks.data[:, blocks.place("y", LARGEST)] = 0.0
    after, out = blocks.run()
    assert not after.data[:, PLACE["hess"] : PLACE["hess"] + LARGEST**2].any() and not after.forces().any()
    assert not blocks.run(y=-ALPHA * blocks.get("dy"))[1][:, 2].any() and not out[:, 0].any()


@pytest.mark.parametrize("friction", [1e-5, 0.7])
@pytest.mark.parametrize("kind", ["PYRAMID", "ELLIPTIC"])
def test_cones_at_their_apex_and_on_their_axis(engine, kind, friction):
    """Neither force nor slip; pressed without slip; parted without slip; and on the way through the apex. Nothing divides by the slip."""
    blocks = Blocks(kind)
    blocks.set("mu", np.full((COUNT, 5), friction))
    d = np.full((COUNT, LARGEST), 2.0)
    blocks.set("d", d)
    y = np.zeros((COUNT, LARGEST))
    pressed, parted, through = (np.arange(COUNT) % 4 == k for k in (1, 2, 3))
    y[pressed, 0], y[parted, 0] = -1.5, 1.5
    y[through] = -ALPHA * blocks.get("dy")[through]
    blocks.set("y", y)
    after, out = blocks.run(adjoint=True)
    used = [
        after.data[:, PLACE[name] : PLACE[name] + width] for name, width in (("hess", 36), ("f", 6), ("d_bar", 6), ("mu_bar", 5))
    ]
    assert all(np.isfinite(x).all() for x in (*used, after.get("dy"), out))
    force = after.forces()
    edges = 2.0 * (blocks.dim - 1) if kind == "PYRAMID" else np.ones(COUNT)  # that share the normal force
    np.testing.assert_allclose(force[pressed, 0], (2.0 * 1.5 * edges)[pressed])
    assert not force[pressed, 1:].any() and not force[~pressed & ~through].any()
    np.testing.assert_allclose(out[through, 1], 0.0, atol=1e-12)  # the slope of the cost at the apex


def test_elliptic_forces_stay_in_the_friction_cone(engine):
    blocks = Blocks("ELLIPTIC")
    f, mu = blocks.forces(), blocks.get("mu")
    radius = np.sqrt((np.where(blocks.mask("mu"), f[:, 1:] / mu, 0.0) ** 2).sum(1))
    assert (radius <= f[:, 0] * (1.0 + 1e-9) + 1e-12).all() and (f[:, 0] > 0.0).any()


@ti.kernel
def stiffness_rules(solimp: ti.types.ndarray(), solref: ti.types.ndarray(), gap: ti.types.ndarray(), dt: ti.f64,
                    out: ti.types.ndarray(), bars: ti.types.ndarray()):  # fmt: skip
    for e in range(gap.shape[0]):
        imp = Cells(solimp, let(5 * e))
        ref = Cells(solref, let(2 * e))
        found = impedance(imp, gap[e])
        bk = reference(ref, imp.get(1), dt)
        for k in ti.static(range(2)):
            out[4 * e + k] = found[k]
            out[4 * e + 2 + k] = bk[k]
        impedance_adjoint(imp, gap[e], 1.0, Cells(bars, let(12 * e)))
        reference_adjoint(ref, imp.get(1), dt, 0.7, 0.01, Cells(bars, let(12 * e + 5)), Cells(bars, let(12 * e + 7)))


def test_impedance_and_reference(engine):
    """d and its slope, B and K, and their adjoints in solimp, solref and the gap, for both forms of solref and every branch."""
    rng, n, dt = np.random.default_rng(0), 500, 0.005
    solimp = np.stack([rng.uniform(0.2, 0.8, n), rng.uniform(0.3, 0.99, n), rng.uniform(0.01, 0.1, n), rng.uniform(0.2, 0.8, n),
                       rng.choice([1.0, 1.5, 2.0, 3.7], n)], 1)  # fmt: skip
    solref = np.where(
        rng.random((n, 1)) < 0.5, rng.uniform(0.004, 0.05, (n, 2)) * [1, 40], -rng.uniform(10, 50, (n, 2)) * [20, 1]
    )
    gap = rng.uniform(-0.12, 0.12, n)

    def run(imp, ref, x):
        out, bars = np.zeros(4 * n), np.zeros(12 * n)
        with tracing():
            stiffness_rules(imp.ravel(), ref.ravel(), x, dt, out, bars)
        return out.reshape(n, 4), bars.reshape(n, 12)

    values, bars = run(solimp, solref, gap)
    h = 1e-7
    slope = (run(solimp, solref, gap + h)[0] - run(solimp, solref, gap - h)[0])[:, 0] / (2 * h) * np.sign(gap)
    assert (np.abs(values[:, 1] - slope) > 1e-6 * (1 + np.abs(slope))).sum() <= 2
    for k in range(5):
        if k == 4:
            sharp = solimp[:, 4] > 1.0
        step = h * np.eye(5)[k] * np.abs(solimp)
        change = (run(solimp + step, solref, gap)[0] - run(solimp - step, solref, gap)[0]) / (2 * step[:, k : k + 1])
        expected = np.stack([change[:, 0], 0.7 * change[:, 2] + 0.01 * change[:, 3]], 1)
        found = np.stack([bars[:, k], bars[:, 7] if k == 1 else np.zeros(n)], 1)
        wrong = (np.abs(found - expected) > 1e-6 * (1 + np.abs(expected).max(0))).any(1)
        assert wrong[sharp if k == 4 else slice(None)].sum() <= 2, k
    for k in range(2):
        step = h * np.eye(2)[k] * np.abs(solref)
        change = (run(solimp, solref + step, gap)[0] - run(solimp, solref - step, gap)[0]) / (2 * step[:, k : k + 1])
        expected = 0.7 * change[:, 2] + 0.01 * change[:, 3]
        assert (np.abs(bars[:, 5 + k] - expected) > 1e-6 * (1 + np.abs(expected))).sum() <= 2, k
