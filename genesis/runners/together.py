"""Several candidates of one problem evaluated as environments of one batched simulation.

Each candidate is an ordinary task of its own. What costs time for each of them alone - physics, parameters, losses and their gradients - is
computed for all at once; where parameters or losses of candidates are not alike, those are computed one by one.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from genesis.errors import SIMULATION_FAILURES, DivergenceError, GenesisError, InputError
from genesis.log import logger
from genesis.parameters import Inputs
from genesis.parameters.policy import Policy
from genesis.runners.alike import partition
from genesis.runners.evaluate import NOT_REACHED, Judgement, TaskProblem
from genesis.runners.part import Key, Part, Shares, asked_by, over_all
from genesis.runners.series import series_arrays
from genesis.runners.solution import times
from genesis.runners.stacked import StackedInputs, added, laws, stacked_inputs
from genesis.tasks import Task
from genesis.tasks.goal import OfTrajectory
from genesis.tasks.rollout import inputs_of, roll_out
from genesis.tasks.task import PRIOR
from genesis.view import TrajectoryView

#: The answer to a candidate that has to be evaluated by itself, because something about it is out of the ordinary.
ALONE = object()
GRADIENT, TRAJECTORY = "gradient", "trajectory"


class Together:
    """Evaluates candidates at once.

    Args:
        tasks: one for each candidate, equal in horizon, environments and structure of the scene.
        make_scene: builds the common scene for a number of environments.
    """

    def __init__(self, tasks: Sequence[Task], make_scene: Callable[[int], Any]) -> None:
        self.tasks, self.make_scene = tasks, make_scene
        first = tasks[0].setting
        self.envs = first.batch[0] if first.batch else 0
        self.scenes: dict[int, Any] = {}
        free = [{id(leaf) for p in task.parameters.values() for leaf in p.leaves()} for task in tasks]
        self.parameter_group = partition([made_of(task) for task in tasks], free)
        self.loss_group = partition([{name: loss for name, (_, loss) in task.losses.items()} for task in tasks])
        self.goal_group = partition([task.goal for task in tasks], free)
        self.base = differing_parameters(tasks)
        self.asked: dict[tuple[str, int], list[Key]] = {}
        self.seconds: dict[str, float] = {}
        self.told = False

    def __call__(self, asked: dict[int, str]) -> dict[int, Any]:
        """Answers to questions by candidate: for `GRADIENT` a `Judgement`, with gradients in the leaves; for `TRAJECTORY` the arrays of
        `trajectory_arrays`; or `ALONE`."""
        answers: dict[int, Any] = {}
        for question, function in ((GRADIENT, self._evaluate), (TRAJECTORY, self._trajectories)):
            answers |= self._without_culprits(function, [number for number, what in asked.items() if what == question])
        for number, answer in answers.items():
            if answer is ALONE:
                for leaf in self._leaves(number):
                    leaf.grad = None
        return answers

    def _without_culprits(self, function: Callable[[list[int]], dict[int, Any]], numbers: list[int]) -> dict[int, Any]:
        """`function` of the candidates; one whose environment goes wrong is left out, and the others are tried again."""
        answers: dict[int, Any] = {}
        left = list(numbers)
        while left:
            try:
                return answers | function(left)
            except SIMULATION_FAILURES as error:
                if error.env is None:
                    return dict.fromkeys(numbers, ALONE)
                lost = error.envs if isinstance(error, DivergenceError) else (error.env,)
                for culprit in {left[min(env // max(self.envs, 1), len(left) - 1)] for env in lost}:
                    answers[culprit] = ALONE
                    left.remove(culprit)
            except GenesisError:  # an input of one of them: each finds out by itself
                return dict.fromkeys(numbers, ALONE)
            except Exception as error:  # of a loss, say: the candidate it comes from fails by itself, the others go on
                self._say_alone(error)
                return dict.fromkeys(numbers, ALONE)
        return answers

    def _say_alone(self, error: Exception) -> None:
        """Once: why candidates take longer than a batch would."""
        if not self.told:
            self.told = True
            logger.warning(
                "candidates are evaluated one by one, because evaluating them at once failed: %s: %s", type(error).__name__, error
            )

    def _shares(self, numbers: list[int]) -> tuple[Inputs, Shares]:
        """A rollout of the candidates, and what it was made of."""
        room = self._room(len(numbers))
        inputs = self._inputs(numbers, room)
        setting = self._setting(room)
        return inputs, Shares(TrajectoryView(roll_out(setting, inputs)), setting.scene, room, self.envs)

    def _trajectories(self, numbers: list[int]) -> dict[int, Any]:
        with torch.no_grad():
            _, shares = self._shares(numbers)
            states = {name: shares.of((name,)).cpu().numpy() for name in ("qpos", "qvel", "controls")}
        time = times(self.tasks[0])
        answers = {}
        for row, number in enumerate(numbers):
            series = series_arrays(self.tasks[number], Part.single(shares, row))
            answers[number] = {"time": time, **{name: values[:, row] for name, values in states.items()}, **series}
        return answers

    def _evaluate(self, numbers: list[int]) -> dict[int, Any]:
        clock = perf_counter()
        inputs, shares = self._shares(numbers)
        objective, terms = self._terms(numbers, shares)
        finite = torch.isfinite(objective.detach())
        clock = self._add("forward", clock)
        if not objective.requires_grad:
            raise InputError(NOT_REACHED)
        for number in numbers:
            for leaf in self._leaves(number):
                leaf.grad = None
        objective[finite].sum().backward()
        clock = self._add("backward", clock)
        by_step = self._by_step(inputs, shares.count)
        values, good = objective.tolist(), finite.tolist()
        metrics = self._metrics(numbers, shares)
        found = {}
        for row, number in enumerate(numbers):
            steps = None if by_step is None else by_step[:, row]
            found[number] = Judgement(values[row], terms[row], metrics[number], steps) if good[row] else ALONE
        self._add("metrics", clock)
        return found

    # ---- inputs

    def _room(self, count: int) -> int:
        """Number of candidates that the scene is built for: all, or a half, a quarter, … of them when the others have ended."""
        room = len(self.tasks)
        while (room + 1) // 2 >= count and room > 1:
            room = (room + 1) // 2
        return room

    def _setting(self, room: int) -> Any:
        if room not in self.scenes:
            self.scenes[room] = self.make_scene(room * max(self.envs, 1))
        return replace(self.tasks[0].setting, scene=self.scenes[room])

    def _leaves(self, number: int) -> list[Tensor]:
        return [leaf for parameter in self.tasks[number].parameters.values() for leaf in parameter.leaves()]

    def _inputs(self, numbers: list[int], room: int) -> Inputs:
        """Inputs of the batch; the last candidate fills the rows that are left over."""
        rows = [self._rows(group) for group in self._groups(self.parameter_group, numbers)]
        made = {number: row for group in rows for number, row in group.items()}
        order = [made[number] for number in numbers] + [made[numbers[-1]]] * (room - len(numbers))
        qpos, qvel = (self._joined([getattr(row, name) for row in order], 0) for name in ("qpos", "qvel"))
        controls = self._joined([row.controls for row in order], 1)
        inputs = Inputs(qpos, qvel, controls)
        for name in dict.fromkeys([*order[0].physical, *self.base]):
            table = [self._physical(name, number, made[number]) for number in numbers]
            table += [table[-1]] * (room - len(numbers))
            inputs.physical[name] = torch.stack(table).repeat_interleave(max(self.envs, 1), 0)
        if self._policies(numbers[0]):
            padded = numbers + [numbers[-1]] * (room - len(numbers))
            inputs.policies = [self._policy(padded)]
        return inputs

    def _joined(self, rows: list[Tensor], axis: int) -> Tensor:
        """Candidates and their environments in one axis."""
        if self.envs:
            return torch.cat(rows, axis)
        return torch.stack(rows, axis)

    def _physical(self, name: str, number: int, row: StackedInputs) -> Tensor:
        return row.physical[name] if name in row.physical else self.base[name][number]

    def _rows(self, group: list[int]) -> dict[int, StackedInputs]:
        """Inputs of candidates whose parameters are alike."""
        if len(group) == 1:
            task = self.tasks[group[0]]
            alone = inputs_of(task.setting, task.parameters)
            return {group[0]: StackedInputs(alone.qpos, alone.qvel, alone.controls, alone.physical)}
        proto = self.tasks[group[0]]
        starts = (torch.stack([getattr(self.tasks[n].setting, name) for n in group]) for name in ("start_qpos", "start_qvel"))
        made = stacked_inputs(proto.setting, proto.parameters, self._stacked(group), *starts)
        return {number: made[i] for i, number in enumerate(group)}

    def _stacked(self, group: list[int]) -> list[list[Tensor]]:
        """Leaves of alike parameters, candidates first."""
        tables = [[parameter.leaves() for parameter in self.tasks[number].parameters.values()] for number in group]
        return [[torch.stack(same) for same in zip(*own, strict=True)] for own in zip(*tables, strict=True)]

    def _policies(self, number: int) -> bool:
        return any(isinstance(parameter, Policy) for parameter in self.tasks[number].parameters.values())

    def _policy(self, numbers: list[int]) -> Callable[[Tensor, Tensor], Tensor]:
        """Controls (B, nv) of every candidate's policies at a state of the batch."""
        shape = (len(numbers), self.envs) if self.envs else (len(numbers),)
        groups: dict[int, list[int]] = {}
        for row, number in enumerate(numbers):
            groups.setdefault(self.parameter_group[number], []).append(row)
        acts = []
        for rows in groups.values():
            group = [numbers[row] for row in rows]
            acts.append((rows, laws(self.tasks[group[0]].parameters, self._stacked(group))))

        def policy(qpos: Tensor, qvel: Tensor) -> Tensor:
            q, v = qpos.unflatten(0, shape), qvel.unflatten(0, shape)
            if len(acts) == 1:
                made = added(acts[0][1], q, v)
            else:
                parts = [added(own, q[rows], v[rows]) for rows, own in acts]
                places = torch.tensor([row for rows, _ in acts for row in rows], device=q.device)
                made = torch.cat(parts).index_select(0, places.argsort())
            return made.flatten(0, 1) if self.envs else made

        return policy

    # ---- outputs

    def _terms(self, numbers: list[int], shares: Shares) -> tuple[Tensor, list[dict[str, float]]]:
        """Objectives (n,) of the candidates, and the weighted losses of each."""
        place = {number: row for row, number in enumerate(numbers)}
        parts: list[dict[str, float]] = [{} for _ in numbers]

        def of_group(group: list[int]) -> Tensor:
            proto = self.tasks[group[0]]

            def losses(part: Any) -> dict[str, Tensor]:
                return {name: loss(part) for name, (_, loss) in proto.losses.items()}

            if len(group) == 1:
                made = {name: value[None] for name, value in losses(Part.single(shares, place[group[0]])).items()}
            else:
                made = self._over("losses", self.loss_group[group[0]], losses, shares, [place[number] for number in group])
            values = torch.stack(list(made.values()), 1)
            terms = values.new_tensor([[self.tasks[n].losses[name][0] for name in made] for n in group]) * values
            for number, row in zip(group, terms.tolist(), strict=True):
                parts[place[number]] = dict(zip(made, row, strict=True))
            return terms.sum(1)

        groups = self._groups(self.loss_group, numbers)
        sums = [of_group(group) for group in groups]
        objective = sums[0]
        if len(sums) > 1:
            places = torch.tensor([place[number] for group in groups for number in group], device=sums[0].device)
            objective = torch.cat(sums).index_select(0, places.argsort())
        priors = [self.tasks[number].prior() for number in numbers]
        if any(prior is not None for prior in priors):
            objective = objective + torch.stack([objective.new_zeros(()) if prior is None else prior for prior in priors])
            for part, prior in zip(parts, priors, strict=True):
                part.update({} if prior is None else {PRIOR: float(prior.detach())})
        return objective, parts

    def _metrics(self, numbers: list[int], shares: Shares) -> dict[int, dict[str, float]]:
        """The goal's numbers of every candidate."""
        found: dict[int, dict[str, float]] = {}
        place = {number: row for row, number in enumerate(numbers)}
        for group in self._groups(self.goal_group, numbers):
            goal = self.tasks[group[0]].goal
            if len(group) == 1 or not isinstance(goal, OfTrajectory):
                for number in group:
                    found[number] = self.tasks[number].metrics(Part.single(shares, place[number]))
                continue
            with torch.no_grad():
                made = self._over("goal", self.goal_group[group[0]], goal.metrics, shares, [place[number] for number in group])
            table = torch.stack(list(made.values()), 1).tolist()
            found.update((number, dict(zip(made, row, strict=True))) for number, row in zip(group, table, strict=True))
        return found

    def _over(self, what: str, group: int, function: Callable[[Any], Any], shares: Shares, rows: list[int]) -> Any:
        """`function` of each row at once; what it asks of a trajectory is found out once for every group."""
        if (what, group) not in self.asked:
            self.asked[what, group] = asked_by(function, shares)
        return over_all(function, shares, rows, self.asked[what, group])

    def _by_step(self, inputs: Inputs, room: int) -> Tensor | None:
        """Gradient norm of the controls of each step, (T, room)."""
        gradients = [control.grad for control in inputs.watched]
        if not gradients or any(g is None for g in gradients):
            return None
        series = gradients[0] if len(gradients) == 1 and gradients[0].ndim == 3 else torch.stack(gradients)  # type: ignore[union-attr, arg-type]
        return series.unflatten(1, (room, -1)).flatten(2).norm(dim=2)  # type: ignore[union-attr]

    @staticmethod
    def _groups(kinds: list[int], numbers: list[int]) -> list[list[int]]:
        """The candidates of each group."""
        groups: dict[int, list[int]] = {}
        for number in numbers:
            groups.setdefault(kinds[number], []).append(number)
        return list(groups.values())

    def _add(self, phase: str, since: float) -> float:
        now = perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - since
        return now


class TogetherProblem(TaskProblem):
    """The problem of one candidate; `ask` gives the answers of `Together`."""

    def __init__(self, task: Task, *, ask: Callable[[str], Any], **options: Any) -> None:
        super().__init__(task, **options)
        self.ask = ask

    def trajectory(self) -> dict[str, Any]:
        """As `trajectory_arrays`."""
        try:
            answer = self.ask(TRAJECTORY)
        except KeyboardInterrupt:  # nobody answers any more: by itself
            answer = ALONE
        return super().trajectory() if answer is ALONE else dict(answer)

    def _find(self, gradient: bool) -> Judgement:
        if not gradient:
            return super()._find(gradient)
        start = perf_counter()
        answer = self.ask(GRADIENT)
        if answer is ALONE:
            return super()._find(gradient)
        self.clock.add("together", start)
        found: Judgement = answer
        return found


def made_of(task: Task) -> tuple[Any, ...]:
    """What the inputs of a task are made of: its parameters, and the described values of which they change a part."""
    changed = {name for parameter in task.parameters.values() for name in parameter.changes.physical}
    return task.parameters, {name: task.setting.described[name] for name in sorted(changed)}


def differing_parameters(tasks: Sequence[Task]) -> dict[str, list[Tensor]]:
    """Physical parameters in which the candidates' scenes differ: name -> value of each."""
    scenes = [task.setting.scene for task in tasks]
    if all(scene is scenes[0] for scene in scenes):
        return {}
    tables = [scene.physical_parameters() for scene in scenes]
    names = [name for name in tables[0] if any(not torch.equal(table[name], tables[0][name]) for table in tables)]
    return {name: [table[name].detach() for table in tables] for name in names}
