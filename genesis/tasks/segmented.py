"""A task by multiple shooting: its motion is cut into segments whose starts are free, and what is open between them costs.

    objective + ½ μ |c + λ / μ|²,      c_s = (end of segment s − 1) ⊖ (node s)

Small changes grow within a segment only, and all segments are environments of one launch.
Source: Bock, Plitt, A multiple shooting algorithm for direct solution of optimal control problems, IFAC World Congress 1984;
Nocedal, Wright, Numerical Optimization (2006), §17.3.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.methods.residuals import ResidualBlock
from genesis.parameters import Inputs
from genesis.parameters.policy import Policy
from genesis.problems.augmented_lagrangian import AugmentedLagrangian
from genesis.scene.segments import Pieces, Segments, roll_out_segments
from genesis.tasks.linearize import Linearized, linearize, linearized_run
from genesis.tasks.nodes import Nodes
from genesis.tasks.rollout import inputs_of
from genesis.tasks.segment_slopes import SegmentSlopes
from genesis.tasks.task import Judged, Task
from genesis.view import TrajectoryView, View

#: The parameter of the nodes, the term of what is open between segments, the metric of the largest gap.
NODES, CONTINUITY, LARGEST_GAP = "nodes", "continuity", "largest_gap"


class CutView(TrajectoryView):
    """View of a motion in pieces. gaps: (S-1, 2nv)"""

    def __init__(self, pieces: Pieces) -> None:
        super().__init__(pieces.trajectory)
        self.pieces, self.gaps = pieces, pieces.gaps


class SegmentedTask(Task):
    """The same task, losses and goal, with the nodes as one more parameter.

    Args:
        whole: the task. segments, nodes: how its motion is cut, and where the pieces begin at first. weight: μ of the first round.
        tolerance: gap from which the motion counts as continuous [rad | m, rad/s | m/s].

    closed: the motion is that of one rollout again, and the nodes do nothing.
    Raises: InputError for a task that cannot be cut.
    """

    def __init__(self, whole: Task, segments: Segments, nodes: Nodes, weight: float, tolerance: float) -> None:
        expect_one_open_loop(whole)
        super().__init__(
            whole.kind, whole.setting, {**whole.parameters, NODES: nodes}, whole.own_losses, whole.goal, whole.constraints
        )
        self.whole, self.segments, self.nodes, self.tolerance = whole, segments, nodes, tolerance
        self.law = AugmentedLagrangian(weight, torch.zeros_like(nodes.free).detach())
        self.closed = False

    def simulate(self, without: Sequence[int] = ()) -> tuple[View, Inputs]:
        """The motion in pieces; of one rollout once it is closed."""
        if self.closed:
            return self.whole.simulate(without)
        inputs = inputs_of(self.setting, self.whole.parameters)
        if torch.is_grad_enabled():
            if not inputs.controls.requires_grad:
                inputs.controls = inputs.controls.detach().requires_grad_()
            inputs.controls.retain_grad()
            inputs.watched = [inputs.controls]
        return CutView(self.pieces(inputs)), inputs

    def pieces(self, inputs: Inputs) -> Pieces:
        """The segments of these inputs."""
        q, v = self.nodes.states()
        qpos, qvel = torch.cat([inputs.qpos[None], q]), torch.cat([inputs.qvel[None], v])
        solver, kind = self.setting.scene.rigid_solver, self.setting.control
        return roll_out_segments(solver, self.segments, kind, qpos, qvel, inputs.controls, inputs.physical)

    def gaps(self) -> Tensor:
        """(S-1, 2nv) of the present motion in pieces."""
        return self.pieces(inputs_of(self.setting, self.whole.parameters)).gaps

    def judge(self, without: Sequence[int] = ()) -> Judged:
        """See `Task.judge`."""
        trajectory, inputs = self.simulate(without)
        more = {CONTINUITY: self.law.value(trajectory.gaps)} if isinstance(trajectory, CutView) else {}
        return self.judged(trajectory, inputs, more, without)

    def metrics(self, trajectory: View) -> dict[str, float]:
        """Those of the goal, of the motion in pieces, with its largest gap."""
        gap = {LARGEST_GAP: float(trajectory.gaps.detach().abs().max())} if isinstance(trajectory, CutView) else {}
        return {**super().metrics(trajectory), **gap}

    def good_enough(self, metrics: dict[str, float]) -> bool:
        """Only a motion of one rollout can be."""
        return self.closed and super().good_enough(metrics)

    def continuous(self, metrics: dict[str, float]) -> bool:
        """Of a motion in pieces: it has no gaps to speak of, and meets every tolerance of the goal, if there are any."""
        good = super().good_enough(metrics) or (not self.goal.limits and self.holds(metrics))
        return good and metrics.get(LARGEST_GAP, 0.0) <= self.tolerance

    def linearize(self, simulated: tuple[View, Inputs] | None = None) -> Linearized:
        """Residuals and Jacobian at the present free numbers, what is open among them. Arguments, Raises: as `tasks.linearize.linearize`."""
        if self.closed:
            return linearize(self, simulated=simulated)
        with torch.no_grad():
            view, inputs = self.simulate() if simulated is None else simulated
            assert isinstance(view, CutView)
            pieces = view.pieces
            slopes = SegmentSlopes(self.segments, self.nodes, pieces)
        made = linearized_run(self, inputs, view, "forward", slopes.moved)
        rows = self.law.residuals(pieces.gaps)
        z = self.law.weight**0.5 * slopes.gaps
        made.blocks.append(
            ResidualBlock(CONTINUITY, rows.reshape(-1).double().cpu().numpy(), z.flatten(0, 1).double().cpu().numpy())
        )
        made.terms[CONTINUITY] = float(0.5 * rows.square().sum())
        return made


def expect_one_open_loop(task: Task) -> None:
    """Raises: InputError for a task that cannot be cut into segments, naming why."""
    setting = task.setting
    if setting.batch:
        raise InputError(
            f"multiple_shooting: the task has {setting.batch[0]} starts (task.envs), and only a motion from one can be cut; "
            "use task.envs=0, or multiple_shooting.segments=1."
        )
    policies = [name for name, parameter in task.parameters.items() if isinstance(parameter, Policy)]
    if policies:
        raise InputError(
            f"multiple_shooting: parameter.{policies[0]} is a policy, which answers to the states of one motion; "
            "use open-loop controls (parameters=torques), or multiple_shooting.segments=1."
        )
    if setting.information is not None:
        raise InputError("multiple_shooting: a task of kind excite judges one motion; use multiple_shooting.segments=1.")
    if NODES in task.parameters:
        raise InputError(f"parameter.{NODES}: multiple_shooting has a parameter of this name; choose another.")
    if CONTINUITY in task.losses:
        raise InputError(f"loss.{CONTINUITY}: multiple_shooting has a term of this name; choose another.")
