"""Values of a task at many points: all of them in one batched rollout, and its losses over all of them at once."""

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from genesis.errors import SIMULATION_FAILURES, ContactOverflowError, DivergenceError, InputError, UnsupportedError
from genesis.losses import Loss
from genesis.runners.part import Key, Shares, asked_by, over_all
from genesis.runners.stacked import Law, StackedInputs, added, in_one_axis, laws, stacked_inputs
from genesis.scene.batch import allowed_rows, roll_out_batch
from genesis.scene.variants import some_envs
from genesis.selection import indices
from genesis.tasks import Task
from genesis.tasks.task import half_square, prior_rows
from genesis.view import TrajectoryView


class Candidates:
    """Values of a task; its environments and those of the scene need not be as many as there are points."""

    def __init__(self, task: Task) -> None:
        self.task, self.setting = task, task.setting
        self.envs = self.setting.batch[0] if self.setting.batch else 0
        self.asked: dict[str, list[Key] | None] = {}  # what losses ask of a trajectory, None: for the whole

    def values(self, points: np.ndarray) -> np.ndarray:
        """(C,) objectives at flat points (C, n), inf where there is none. Leaves stay; where one diverges the others do not notice."""
        found = np.full(len(points), math.inf)
        with torch.no_grad():
            leaves = self._leaves(points)
            rows = stacked_inputs(self.setting, self.task.parameters, leaves, *self._starts(len(points)))
            usable = self._usable(points, rows)
            while usable:
                # of those that cannot be simulated, others take the place: batches of one size share their memory
                order = [row if row in usable else usable[0] for row in range(len(points))]
                try:
                    values = self._objectives(rows, leaves, order)
                except ContactOverflowError as error:
                    culprit = None if error.env is None else order[error.env // max(self.envs, 1)]
                    usable = [row for row in usable if row != culprit] if culprit is not None else []
                    continue
                found[usable] = (values + self._priors(leaves))[usable]
                break
        return np.where(np.isfinite(found), found, math.inf)

    def gradients(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(C,) objectives and (C, n) their gradients, in one launch forward and one back; inf and zero where there is none. Leaves stay.

        Raises: ContactOverflowError; DivergenceError where no point has a value.
        """
        try:
            return self._gradients(points)
        except (DivergenceError, InputError):  # some cannot be simulated: others take their place
            values = self.values(points)
            good = np.flatnonzero(np.isfinite(values))
            if not len(good):
                raise DivergenceError(f"no candidate of {len(points)} can be simulated.") from None
            order = np.where(np.isfinite(values), np.arange(len(points)), good[0])
            found, slopes = self._gradients(points[order])
            lost = ~np.isfinite(values)
            found[lost], slopes[lost] = math.inf, 0.0
            return found, slopes

    def _gradients(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.enable_grad():
            leaves = self._leaves(points)
            learned = [
                leaf
                for parameter, own in zip(self.task.parameters.values(), leaves, strict=True)
                for leaf in own
                if parameter.learn
            ]
            for leaf in learned:
                leaf.requires_grad_()
            rows = stacked_inputs(self.setting, self.task.parameters, leaves, *self._starts(len(points)))
            run = self._run(rows, leaves, range(len(points)), gradient=True)
            total = self._totals(run, len(points)) + self._prior_rows(leaves)
            slopes = torch.autograd.grad(total.sum(), learned, allow_unused=True)
        if not bool(torch.isfinite(total).all()):
            raise DivergenceError("a candidate has no finite objective.")
        made = [torch.zeros_like(leaf) if slope is None else slope for leaf, slope in zip(learned, slopes, strict=True)]
        table = torch.cat([x.flatten(1) for x in made], 1)
        good = torch.isfinite(table).all(1)
        values = torch.where(good, total.detach(), torch.inf)
        slope = torch.where(good.unsqueeze(1), table, torch.zeros_like(table))
        return values.double().cpu().numpy(), slope.double().cpu().numpy()

    def _leaves(self, points: np.ndarray) -> list[list[Tensor]]:
        """Of each parameter (C, …); those that are not learned are the same everywhere."""
        count, first, made = len(points), 0, []
        for parameter in self.task.parameters.values():
            own = []
            for leaf in parameter.leaves():
                if parameter.learn:
                    part = torch.from_numpy(np.ascontiguousarray(points[:, first : first + leaf.numel()]))
                    own.append(part.reshape(count, *leaf.shape).to(leaf))
                    first += leaf.numel()
                else:
                    own.append(leaf.detach().expand(count, *leaf.shape))
            made.append(own)
        return made

    def _priors(self, leaves: list[list[Tensor]]) -> np.ndarray:
        """(C,) or a zero: half the squares of what is known of the parameters beforehand."""
        return np.asarray(self._prior_rows(leaves).double().cpu())

    def _prior_rows(self, leaves: list[list[Tensor]]) -> Tensor:
        """The same as a tensor."""
        parameters = self.task.parameters
        if self.task.prior() is None:
            return torch.zeros(1)

        def one(leaves: list[list[Tensor]]) -> Tensor:
            pairs = zip(parameters.items(), leaves, strict=True)
            return cast(Tensor, half_square(prior_rows({name: parameter.with_leaves(own) for (name, parameter), own in pairs})))

        return torch.vmap(one)(leaves)

    def _starts(self, count: int) -> tuple[Tensor, Tensor]:
        qpos, qvel = self.setting.start_qpos, self.setting.start_qvel
        return qpos.expand(count, *qpos.shape), qvel.expand(count, *qvel.shape)

    def _usable(self, points: np.ndarray, rows: StackedInputs) -> list[int]:
        """Points that may be simulated."""
        solver = self.setting.scene.rigid_solver
        good = np.isfinite(points).all(1)
        for series in (rows.qpos, rows.qvel, rows.controls):
            good &= torch.isfinite(series.flatten(1)).all(1).cpu().numpy()
        for name, values in rows.physical.items():
            good &= allowed_rows(solver, name, values)
        return [int(row) for row in np.flatnonzero(good)]

    def _objectives(self, rows: StackedInputs, leaves: Sequence[Sequence[Tensor]], order: list[int]) -> np.ndarray:
        """Of the candidates in `order`, each in one rollout. Raises: ContactOverflowError."""
        return self.judge(self._run(rows, leaves, order), len(order))

    def _run(self, rows: StackedInputs, leaves: Sequence[Sequence[Tensor]], order: Sequence[int], gradient: bool = False) -> Any:
        """Their motions in one batch."""
        count, e, which = len(order), self.envs, indices(order)
        qpos, qvel = (in_one_axis(x.index_select(0, which), 0, e) for x in (rows.qpos, rows.qvel))
        controls = in_one_axis(rows.controls.index_select(0, which).transpose(0, 1), 1, e)
        physical = {k: x.index_select(0, which).repeat_interleave(max(e, 1), 0) for k, x in rows.physical.items()}
        policies = laws(self.task.parameters, [[leaf.index_select(0, which) for leaf in own] for own in leaves])
        return roll_out_batch(
            self.setting.scene.rigid_solver, self.setting.control, qpos, qvel, controls, physical, self._policy(policies, count),
            gradient=gradient,
        )  # fmt: skip

    def judge(self, run: Any, count: int) -> np.ndarray:
        """(C,) objectives of the motions of C candidates in one batch, without priors; inf where one is not finite."""
        return np.asarray(self._totals(run, count).double().cpu())

    def _totals(self, run: Any, count: int) -> Tensor:
        """The same as a tensor."""
        shares = Shares(TrajectoryView(run), self.setting.scene, count, self.envs)
        found = self._losses(run, shares)
        total = torch.stack([weight * found[name] for name, (weight, _) in self.task.losses.items()]).sum(0)
        return torch.where(self._finite(shares), total, math.inf)

    @staticmethod
    def _finite(shares: Shares) -> Tensor:
        """(C,) whether the whole motion is finite, also where no loss looks."""
        finite = [torch.isfinite(shares.of((name,)).transpose(0, 1).flatten(1)).all(1) for name in ("qpos", "qvel")]
        return finite[0] & finite[1]

    def _policy(self, policies: list[Law], count: int) -> Law | None:
        if not policies:
            return None
        shape = (count, self.envs) if self.envs else (count,)

        def policy(qpos: Tensor, qvel: Tensor) -> Tensor:
            made = added(policies, qpos.unflatten(0, shape), qvel.unflatten(0, shape))
            return in_one_axis(made, 0, self.envs)

        return policy

    def _losses(self, run: Any, shares: Shares) -> dict[str, Tensor]:
        """(C,) by name."""
        losses = {name: loss for name, (_, loss) in self.task.losses.items()}
        for name, loss in losses.items():
            if name not in self.asked:
                try:
                    self.asked[name] = asked_by(loss, shares)
                except UnsupportedError:  # a function of users, information: they see whole trajectories
                    self.asked[name] = None
        found = {
            name: torch.stack([self._alone(loss, run, row) for row in range(shares.count)])
            for name, loss in losses.items()
            if self.asked[name] is None
        }
        at_once = {name: loss for name, loss in losses.items() if name not in found}
        if at_once:
            keys = dict.fromkeys(key for name in at_once for key in self.asked[name] or ())
            rows = list(range(shares.count))
            found |= over_all(lambda part: {name: loss(part) for name, loss in at_once.items()}, shares, rows, list(keys))
        return found

    def _alone(self, loss: Loss, run: Any, row: int) -> Tensor:
        """Of one candidate; inf where its motion is not finite, or has no such loss."""
        e = max(self.envs, 1)
        own = TrajectoryView(some_envs(run, indices(list(range(row * e, (row + 1) * e))), flat=not self.envs))
        if not bool(torch.isfinite(own.qpos).all() & torch.isfinite(own.qvel).all()):
            return own.qpos.new_tensor(math.inf)
        try:
            return loss(own)
        except (*SIMULATION_FAILURES, InputError):
            return own.qpos.new_tensor(math.inf)
