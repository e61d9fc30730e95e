"""L-BFGS of torch: few iterations, bounds refused, why it ends."""

import pytest

from genesis.errors import InputError
from genesis.methods.lbfgs import LBFGS
from tests.methods.objectives import quadratic, rosenbrock, run


def test_needs_few_iterations() -> None:
    trail = run(LBFGS(), quadratic(), 20)
    assert min(trail.values) < 1e-15 and len(trail.values) <= 21
    assert run(LBFGS(), rosenbrock(10), 120).values[-1] < 1e-12


def test_says_why_it_ends() -> None:
    flat = run(LBFGS(tolerance_grad=1e-3), quadratic(), 50)
    assert flat.ending is not None and (flat.ending.converged, flat.ending.reason) == (True, "the gradient vanishes")
    exact = run(LBFGS(tolerance_grad=0.0), rosenbrock(5), 500)
    assert exact.ending is not None and not exact.ending.converged and "no step along" in exact.ending.reason
    assert exact.values[-1] < 1e-16


def test_refuses_bounds() -> None:
    with pytest.raises(InputError, match="parameter.x0.transform: clamp stops the line search of lbfgs"):
        LBFGS().init(quadratic(bounds={0: (-1.0, 1.0)}))
