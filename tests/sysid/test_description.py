"""What the data cannot tell stays where the description has it: every inertial number of an arm, with each method."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.parameters.link_inertia import bodies_of, divergence_residuals, upper
from genesis.sysid.equation_error import of_forces
from genesis.sysid.shooting import Shooting
from genesis.sysid.statistics import KEPT, certainty, estimates
from tests.sysid.problems import ARM, joint_problem, recorded, setting_for, solved

pytestmark = pytest.mark.usefixtures("engine")
LINKS = [f"panda_link{k}" for k in range(1, 8)]
DT, SIGMA = 0.002, 1e-4


@cache
def log(damping: float | None = None) -> Any:
    """0.4 s of the arm with links a quarter lighter to a third heavier than described, under known torques; damping of every joint [Nms]."""
    described = setting_for("panda", DT).scene.rigid_solver.parameters
    mass, own = (described.value(name)[0].detach().numpy() for name in ("link_mass", "dof_damping"))
    truth = {"link_mass": (mass * np.random.default_rng(0).uniform(0.75, 1.35, len(mass))).tolist()}
    if damping is not None:
        truth["dof_damping"] = np.full(len(own), damping).tolist()
    return recorded("panda", truth=truth, steps=200, size=1.0, noise=SIGMA, dt=DT)


def problem(damping: float | None = None, **options: Any) -> Any:
    body = {"kind": "inertia", "names": LINKS, **options}
    return joint_problem("panda", {"body": body}, [log(damping)], Shooting(window=0.1), dt=DT, sigma=SIGMA)


def drift(made: Any) -> tuple[float, float]:
    """Largest factor on a mass, either way, and largest way of a centre of mass [m]."""
    arm = made.residuals.problem
    before, after = (arm.natural(torch.as_tensor(z)).reshape(-1, 10).numpy() for z in (arm.z0.numpy(), made.best))
    return float(np.exp(np.abs(np.log(after[:, 0] / before[:, 0])).max())), float(np.abs(after[:, 1:4] - before[:, 1:4]).max())


@pytest.mark.parametrize("kind", ["levenberg_marquardt", "least_squares", "lbfgsb"])
def test_links_that_the_data_do_not_tell_do_not_drift(kind: str) -> None:
    made = solved(problem(), kind, 12)
    mass, centre = drift(made)
    assert mass < 2.0 and centre < 0.15
    forces = of_forces(made.residuals.problem)
    assert made.costs[-1] < 0.02 * made.costs[0] and forces.cost(made.best) < 0.5 * forces.cost(made.xs[0])


def test_a_model_that_cannot_follow_does_not_run_away() -> None:
    """Joints damped by 0.5 Nms that the model does not know of: without a weight on the description a link weighs ten thousand times more."""
    assert drift(solved(problem(0.5), iterations=12))[0] < 5.0
    assert drift(solved(problem(0.5, description_weight=0.0), iterations=12))[0] > 1e4


def test_what_is_told_is_hardly_held() -> None:
    """By less than a hundredth of a standard deviation along every direction that the data tell; the others are named."""
    made = solved(problem(), "least_squares", 12)
    arm, x = made.residuals.problem, made.best
    blocks = made.residuals.blocks(x)
    known = certainty(made.residuals, x, blocks, "given")
    normal, pull = (made.residuals.normal([b for b in blocks if (b.label == "described") == weak]) for weak in (False, True))
    values, vectors = np.linalg.eigh(normal.zz)
    told = values > 1.0  # of free numbers: logarithms and lengths
    assert 20 < told.sum() < 60
    assert (np.abs(vectors.T @ pull.gz)[told] / np.sqrt(values[told])).max() < 0.01
    notes = [e.note for e in estimates(arm, x, known)]
    assert notes.count(KEPT) >= 5 and 20 <= known.identifiable.sum() < 60


def test_divergence_is_that_of_the_pseudo_inertias() -> None:
    """tr A - log det A - 4 with A = P P0^-1, and its derivatives by central differences, also where the bodies are nearly one."""
    random = np.random.default_rng(0)
    z, first = (torch.tensor(0.5 * random.standard_normal((3, 10))) for _ in range(2))
    whole = [x[:, :1, None].exp() * upper(x) for x in (z, first)]
    a = whole[0] @ whole[0].mT @ torch.linalg.inv(whole[1] @ whole[1].mT)
    expected = a.diagonal(dim1=1, dim2=2).sum(1) - torch.logdet(a) - 4.0
    assert divergence_residuals(z, first).square().sum(1).numpy() == pytest.approx(expected.numpy(), rel=1e-9)
    assert float(divergence_residuals(first, first).abs().max()) < 1e-15
    for near in (z, first + 1e-4 * z, first + 0.004 * z, first.clone()):
        assert torch.autograd.gradcheck(lambda x: divergence_residuals(x, first), near.clone().requires_grad_())
    mass, com, _ = bodies_of(z)
    assert mass.numpy() == pytest.approx((2.0 * z[:, 0]).exp().numpy()) and torch.equal(com, z[:, 7:])


def test_weights_must_not_be_negative() -> None:
    with pytest.raises(InputError, match="body.description_weight: -1; allowed: 0"):
        joint_problem(ARM, {"body": {"kind": "inertia", "description_weight": -1.0}})
    free = joint_problem(ARM, {"body": {"kind": "inertia", "description_weight": 0.0}})
    assert len(free.described_rows(free.z0)) == 0
