"""From pieces to one rollout: controls that stay on an unstable path, to the last bit, and what is said where none can."""

from typing import Any

import numpy as np
import pytest
import torch

from genesis.grad.tensor import plain
from genesis.runners import closing
from genesis.runners.closing import LEFT, Closing, _Path, close_motion
from genesis.runners.shooting import MultipleShooting, segmented
from genesis.tasks.rollout import inputs_of
from genesis.tasks.segmented import SegmentedTask
from tests.tasks.configured import configured

pytestmark = pytest.mark.usefixtures("engine")

UPRIGHT = ("task=swing_up_double", "task.start_qpos=[0.02,-0.01]")
STEPS = ("parameters=torques", "parameter.controls.init=zero", "parameter.controls.scale=1.0")
BOUNDS = "parameter.controls.bounds=[[-6.0,-3.0],[6.0,3.0]]"
KNOTS = (
    "parameters=torque_knots",
    "parameter.controls.init=zero",
    "parameter.controls.scale=1.0",
    "parameter.controls.count=100",
)
FIXED = (
    "+parameter.fixed.kind=hold", "+parameter.fixed.learn=false", "+parameter.fixed.scale=1.0", "+parameter.fixed.bounds=null",
)  # fmt: skip


def balancing(horizon: int, *overrides: str) -> SegmentedTask:
    """Pieces that fit to the last digits, of a motion that feedback keeps upright, and the controls that it took, less what others give."""
    _, task = configured(*UPRIGHT, f"task.horizon={horizon}", *overrides)
    cut = segmented(task, MultipleShooting(segments=horizon // 20, guess="interpolation"), "gradient", None)
    assert cut is not None
    with torch.no_grad():
        (controls,) = (one for one in task.parameters.values() if one.learn)
        fixed = {name: one for name, one in task.parameters.items() if not one.learn}
        others = inputs_of(cut.setting, fixed).controls[:, controls.dofs]
        if fixed:
            controls.set_value(-others)
        path = _Path(cut, cut.pieces(inputs_of(cut.setting, task.parameters)).trajectory)
        q, v, _, u = (x[:, 0] for x in path._held(0, (path.q[0], path.v[0])))
        controls.set_value(u[:, controls.dofs] - others)
        first = torch.from_numpy(cut.segments.starts[1:])
        cut.nodes.qpos, cut.nodes.qvel = q[first], v[first]
    return cut


@pytest.mark.parametrize("bounds", ["parameter.controls.bounds=null", BOUNDS])
def test_controls_of_single_steps_stay_on_an_unstable_path(bounds: str) -> None:
    task = balancing(600, *STEPS, bounds)
    found = close_motion(task)
    assert found.growth > 15.0 and found.gap < 1e-6
    assert found.deviation <= 10.0 * LEFT and found.reproduced
    with torch.no_grad():
        run, _ = task.whole.simulate()
    assert float(run.qpos.abs().max()) < 0.2  # upright for all of 6 s
    assert found.metrics == pytest.approx(task.whole.metrics(run), rel=1e-3)


@pytest.mark.parametrize("fixed", ["[0.7,-0.4]", "[[0.9,-0.5],[-0.6,0.4]]"], ids=["constant", "changing"])
def test_what_others_give_on_the_same_joints_is_not_given_twice(fixed: str) -> None:
    task = balancing(600, *STEPS, BOUNDS, *FIXED, f"+parameter.fixed.init={fixed}")
    others = task.whole.parameters["fixed"].value().detach().clone()
    found = close_motion(task)
    assert found.growth > 15.0 and found.deviation <= 10.0 * LEFT and found.reproduced
    with torch.no_grad():
        run, inputs = task.whole.simulate()
    assert float(run.qpos.abs().max()) < 0.2
    assert torch.equal(task.whole.parameters["fixed"].value(), others)
    own = task.whole.parameters["controls"].value()
    assert torch.allclose(own + others, inputs.controls[:, [0, 1]], rtol=0.0, atol=1e-12)
    assert found.metrics == pytest.approx(task.whole.metrics(run), rel=1e-3)


def test_bounds_are_those_of_the_learned_around_what_others_give() -> None:
    task = balancing(40, *STEPS, BOUNDS, *FIXED, "+parameter.fixed.init=[[1.0,-1.0],[3.0,-1.0]]")
    with torch.no_grad():
        path = _Path(task, task.pieces(inputs_of(task.setting, task.whole.parameters)).trajectory)
    others = task.whole.parameters["fixed"].value().detach().numpy()
    assert path.low.numpy() == pytest.approx(others - [6.0, 3.0], abs=1e-12)
    assert path.high.numpy() == pytest.approx(others + [6.0, 3.0], abs=1e-12)
    assert float(others[:, 0].max() - others[:, 0].min()) > 1.0 and path.metrics()
    path.low, path.high = path.low - 100.0, path.low - 90.0  # what acts within the widest is beyond those of its step
    path.high[0] = 100.0
    assert path.metrics() == {}


def test_controls_that_are_not_finite_leave_the_motion_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    task = balancing(600, *STEPS, "parameter.controls.bounds=null")
    with torch.no_grad():
        task.whole.parameters["controls"].free[0] += 1e-3
    before = task.whole.parameters["controls"].free.detach().clone()
    monkeypatch.setattr(closing, "_gains", lambda a, b: torch.full((len(a), 2, 4), 1e300, dtype=torch.float64))
    found = close_motion(task)
    assert not found.reproduced and found.metrics == {}
    assert torch.equal(before, task.whole.parameters["controls"].free)


def test_knots_cannot_and_it_is_said_with_the_feedback_that_can() -> None:
    task = balancing(300, *KNOTS, "parameter.controls.noise=0.0", BOUNDS)
    before = [leaf.detach().clone() for leaf in task.whole.parameters["controls"].leaves()]
    found = close_motion(task)
    assert not found.reproduced and "do not reproduce the motion" in found.reason()
    assert all(torch.equal(a, b) for a, b in zip(before, task.whole.parameters["controls"].leaves(), strict=True))
    with torch.no_grad():
        open_loop = task.whole.metrics(task.whole.simulate()[0])
    assert found.metrics["angle_error_deg"] < 20.0 < 90.0 < open_loop["angle_error_deg"]
    arrays = found.arrays()
    assert arrays["feedback/gains"].shape == (300, 2, 4) and arrays["feedback/dofs"].tolist() == [0, 1]
    assert arrays["feedback/qpos"].shape == (301, 2) and arrays["feedback/dof_ctrl"].shape == (300, 2)


def test_a_motion_of_small_growth_is_left_as_it_is() -> None:
    _, task = configured("task=swing_up", "task.horizon=40")
    cut = segmented(task, MultipleShooting(segments=4), "gradient", None)
    assert cut is not None
    before = plain(task.parameters["controls"].value()).detach().clone()
    found = close_motion(cut)
    assert found.reproduced and found.gap < 1e-9 and found.deviation < LEFT
    assert torch.equal(before, task.parameters["controls"].value())


def test_a_closing_is_stored_whole() -> None:
    path: dict[str, Any] = {"qpos": np.arange(6.0).reshape(3, 2)}
    found = Closing(1e-9, 12.5, 0.25, {"angle_error_deg": 3.0}, path)
    again = Closing.of_state(found.state_dict())
    assert vars(again) | {"path": None} == vars(found) | {"path": None}
    assert np.array_equal(again.path["qpos"], path["qpos"])
