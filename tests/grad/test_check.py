"""What `gs.gradcheck` says of gradients that are right, wrong, at a kink, in noise."""

import math

import pytest
import torch

import genesis as gs
from genesis.errors import DivergenceError, InputError
from genesis.grad.check import HEADER
from genesis.grad.verdict import Slopes, judge

pytestmark = pytest.mark.usefixtures("engine")


def x(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


class Scaled(torch.autograd.Function):
    """The identity, whose backward pass is multiplied by a factor."""

    @staticmethod
    def forward(ctx, value, factor):
        ctx.factor = factor
        return value.clone()

    @staticmethod
    def backward(ctx, bar):
        return ctx.factor * bar, None


def smooth(a: torch.Tensor) -> torch.Tensor:
    return (torch.sin(3.0 * a) * a).sum() + a[0] * a[1] ** 3


def verdicts(report) -> set[str]:
    return {d.verdict for d in report.directions}


def test_a_right_gradient_is_exact_and_its_slope_is_the_derivative() -> None:
    start = x(0.7, -1.2)
    report = gs.gradcheck(smooth, start, directions=4)
    assert report.ok and verdicts(report) == {"exact"} and len(report.directions) == 5
    exact = torch.sin(3 * start) + 3 * start * torch.cos(3 * start) + x(-(1.2**3), 3 * 0.7 * 1.44)
    steepest = report.directions[0]
    assert steepest.name == "steepest" and steepest.adjoint == pytest.approx(float(exact.norm()), rel=1e-12)
    assert steepest.numeric == pytest.approx(steepest.adjoint, rel=1e-9) and report.largest_error < 1e-9
    assert start.tolist() == [0.7, -1.2] and not start.requires_grad


def test_errors_fall_with_the_square_of_the_step_down_to_rounding() -> None:
    direction = gs.gradcheck(smooth, x(0.7, -1.2)).directions[1]
    assert direction.steps[0] == 1e-2 and direction.steps[2] == pytest.approx(1e-3) and direction.steps[-1] == pytest.approx(1e-7)
    assert direction.errors[0] / direction.errors[2] == pytest.approx(100.0, rel=0.01)
    assert min(direction.errors) < 1e-9 < direction.errors[-1]


@pytest.mark.parametrize("factor", [1.00001, 0.5, -1.0, 0.0])
def test_a_wrong_backward_is_wrong(factor: float) -> None:
    report = gs.gradcheck(lambda a, b: smooth(Scaled.apply(a, factor)) + (b**2).sum(), {"a": x(0.7, -1.2), "b": x(0.3)})
    assert not report.ok
    by_group = {name: {d.verdict for d in report.directions if d.group == name} for name in "ab"}
    assert by_group == {"a": {"wrong"}, "b": {"exact"}}
    if factor > 0.0:
        assert report.directions[0].error == pytest.approx(abs(1.0 - factor) / max(1.0, factor), rel=1e-3)
    assert "WRONG" in str(report)


def test_a_gradient_that_is_no_number_is_wrong() -> None:
    report = gs.gradcheck(lambda a: torch.sqrt(a[0] * a[0]) * 0.0 + a[1] ** 2 + a[0], x(0.0, 1.0))
    assert verdicts(report) == {"wrong"} and math.isnan(report.largest_error)
    both = gs.gradcheck(lambda b, a: (b**2).sum() + torch.sqrt(a * a).sum() * 0.0 + a.sum(), {"b": x(1.0), "a": x(0.0)})
    assert [d.verdict for d in both.directions if d.group == "b"] == ["exact"] * 4
    assert math.isnan(both.largest_error), "the error of what is no number is larger than any"


def test_a_kink_is_a_kink_and_says_both_slopes() -> None:
    report = gs.gradcheck(lambda a: a[0].abs() * 2.0 + torch.relu(a[0]) + a[1] ** 2, x(0.0, 0.5), directions=2)
    steepest, generator = report.directions[0], torch.Generator().manual_seed(0)  # along a[1] alone: the adjoint of |a| is 0 at 0
    assert steepest.verdict == "exact" and steepest.numeric == pytest.approx(1.0, rel=1e-9)
    for direction in report.directions[1:]:
        drawn = torch.randn(2, generator=generator, dtype=torch.float64)
        across = abs(float(drawn[0] / drawn.norm()))  # the slope of 2 |a| + relu(a) goes from -2 to 3
        assert direction.verdict == "kink"
        assert direction.forward - direction.backward == pytest.approx(5.0 * across, rel=1e-6)
        assert direction.backward < direction.adjoint < direction.forward
    assert report.ok and "kink: " in str(report)


def test_slopes_to_both_sides_of_a_kink() -> None:
    direction = gs.gradcheck(lambda a: torch.relu(a).sum() - 0.25 * a.sum(), x(0.0), directions=1).directions[-1]
    sides = sorted((abs(direction.backward), abs(direction.forward)))
    assert direction.verdict == "kink" and sides == pytest.approx([0.25, 0.75], rel=1e-6)


def test_a_kink_at_the_minimum_is_not_called_flat() -> None:
    assert verdicts(gs.gradcheck(lambda a: a.abs().sum(), x(0.0, 0.0))) == {"kink"}


def test_a_gradient_outside_both_slopes_of_a_kink_is_wrong() -> None:
    report = gs.gradcheck(
        lambda a: torch.relu(Scaled.apply(a, 1.0)).sum() + 2.0 * Scaled.apply(a, 3.0).sum(), x(0.0), directions=1
    )
    assert verdicts(report) == {"wrong"}


def test_a_kink_nearby_is_seen_past() -> None:
    report = gs.gradcheck(lambda a: torch.relu(a - 1e-4).sum() + torch.exp(a).sum(), x(0.0), directions=1)
    assert verdicts(report) == {"exact"} and report.directions[0].errors[0] > 0.1


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_not_called_wrong(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def noisy(a):
        return (a**2).sum() + 1e-7 * torch.randn((), generator=generator, dtype=torch.float64)

    report = gs.gradcheck(noisy, x(1.0, 2.0), seed=seed, directions=6)
    assert report.ok and "noise" in verdicts(report) and verdicts(report) <= {"noise", "exact"}
    wrong = gs.gradcheck(lambda a: noisy(Scaled.apply(a, 1.1)), x(1.0, 2.0), seed=seed, directions=0)
    assert verdicts(wrong) == {"wrong"} and wrong.directions[0].error == pytest.approx(0.1 / 1.1, rel=1e-2)


def test_a_bend_narrower_than_the_plateau_is_not_called_wrong() -> None:
    """a/2 + 3 w tanh(a/w) has slope 3.5 at 0, and seen with steps far above w = 1e-6 one of 1/2."""

    def bent(a):
        return (0.5 * a + 3e-6 * torch.tanh(1e6 * a)).sum()

    (direction,) = gs.gradcheck(bent, x(0.0), directions=0).directions
    assert direction.verdict == "noise" and direction.adjoint == 3.5
    assert direction.errors[0] > 0.8 and direction.errors[-1] < 0.005
    wrong = gs.gradcheck(lambda a: bent(Scaled.apply(a, 1.5)), x(0.0), directions=0)
    assert verdicts(wrong) == {"wrong"}


def test_what_the_loss_does_not_depend_on_is_zero_and_a_cut_gradient_is_wrong() -> None:
    assert verdicts(gs.gradcheck(lambda a, b: (a**2).sum(), [x(1.0), x(2.0)])) == {"exact", "zero"}
    assert verdicts(gs.gradcheck(lambda a: (a.detach() ** 2).sum(), x(1.0))) == {"wrong"}


@pytest.mark.parametrize("seed", range(5))
def test_a_cut_gradient_in_noise_is_not_called_zero(seed: int) -> None:
    """A slope of 1/2 known to ±10 might be anything, unless all that counts is more than that."""
    generator = torch.Generator().manual_seed(seed)

    def noisy(a):
        return 0.5 * a.detach()[0] + 0.0 * a.sum() + 0.1 * torch.randn((), generator=generator, dtype=torch.float64)

    found = gs.gradcheck(noisy, x(1.0), seed=seed)
    assert verdicts(found) <= {"noise", "wrong"} and "noise" in verdicts(found)
    steps = [10.0 ** (-2 - 0.5 * k) for k in range(11)]
    pairs = [tuple(float(0.5 * s * h + 0.03 * torch.randn((), generator=generator)) for s in (1, -1)) for h in steps]
    slopes = Slopes(steps, pairs, 0.0)
    known = slopes.plateau[1]
    assert judge(slopes, 0.0, 0.0, 1e-6).verdict == judge(slopes, 0.0, 0.9 * known, 1e-6).verdict == "noise"
    assert judge(slopes, 0.0, 1.1 * known, 1e-6).verdict == "zero"


def test_the_trend_over_a_finite_interval() -> None:
    """Ripples of slope 9 on a trend of slope 1: exact, and no guide beyond their length."""
    report = gs.gradcheck(lambda a: (a + 0.03 * torch.sin(300.0 * a)).sum(), x(0.0), directions=1)
    assert verdicts(report) == {"exact"} and report.directions[0].follows == 0.0
    assert report.directions[0].trend[-1][1] == pytest.approx(1.0 + 0.03 * math.sin(300.0), rel=1e-6)
    assert gs.gradcheck(lambda a: a.sum(), x(0.0)).directions[0].follows == 1.0


def test_where_the_loss_has_no_value() -> None:
    def walled(a):
        if float(a.detach()[0]) > 1e-3:
            raise DivergenceError("the simulation diverged")
        return (a**2).sum() + 3.0 * a.sum()

    report = gs.gradcheck(walled, x(0.0), directions=0)
    assert report.ok and report.directions[0].verdict == "exact" and math.isnan(report.directions[0].errors[0])
    nowhere = judge(Slopes([10.0**-k for k in range(1, 8)], [(math.nan, 1.0)] * 7, 1.0), 1.0, 0.0, 1e-6)
    assert nowhere.verdict == "undefined"


def test_wrong_input() -> None:
    with pytest.raises(InputError, match="input 0 is torch.float32; allowed: float64"):
        gs.gradcheck(lambda a: a.sum(), torch.ones(2))
    with pytest.raises(InputError, match="the loss must return a scalar"):
        gs.gradcheck(lambda a: a, x(1.0, 2.0))
    with pytest.raises(InputError, match="two decades or more"):
        gs.gradcheck(lambda a: a.sum(), x(1.0), steps=gs.Steps(1e-4, 1e-5))


def test_the_table_has_a_row_for_each_direction() -> None:
    report = gs.gradcheck(smooth, {"angle": x(0.7, -1.2)}, directions=2)
    lines = str(report).splitlines()
    assert (
        lines[0].split() == [name for name in HEADER if name != "surrogate adds"]
        and len(lines) == 4
        and lines[2].startswith("angle      random 1")
    )


def test_a_simulated_loss() -> None:
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.01), rigid_options=gs.options.RigidOptions(contact_reach=2.0))
    scene.add_entity(gs.morphs.Plane())
    ball = scene.add_entity(gs.morphs.Sphere(radius=0.1, pos=(0.0, 0.0, 1.0)))
    scene.build()
    controls, start = torch.zeros(5, 6, dtype=torch.float64), x(0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0)

    def height(velocity):
        made = scene.rollout(controls, qpos=start, qvel=torch.cat([velocity, torch.zeros(3, dtype=torch.float64)]))
        return (made.point(ball, ball.links[0].name)[-1] ** 2).sum()

    report = gs.gradcheck(height, {"velocity": x(0.1, 0.0, -0.5)}, scene=scene)
    assert verdicts(report) == {"exact"} and 0.0 < report.surrogate["velocity"] < 1.0
    assert verdicts(gs.gradcheck(height, {"velocity": x(0.1, 0.0, -0.5)})) == {"wrong"}  # the surrogate taken for a gradient
    assert scene.rigid_solver.physics.reach == 2.0 and "a surrogate (contact_reach) is" in str(report)


def test_a_loss_that_does_not_repeat_is_told() -> None:
    calls = iter(range(1000))
    report = gs.gradcheck(lambda a: (a**2).sum() + 0.1 * next(calls), x(1.0), directions=0)
    assert "at the same place: it must depend on its inputs alone" in str(report)
    assert "at the same place" not in str(gs.gradcheck(smooth, x(0.7, -1.2)))
