"""A batch too large for the memory that its gradient may take: environments in chunks, one after the other.

Losses are means over environments, so that the objective is Σ n_c / N times that of the environments of a chunk, and gradients add up in
the order of the chunks. Sizes of chunks are powers of two: where N is one too, gradients of what each environment has for itself are those of
the whole batch to the last bit; those of what all share add up in another order, and differ by rounding.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from genesis.errors import InputError
from genesis.losses.user import UserFunction
from genesis.memory import rollout_bytes, size
from genesis.parameters import Inputs
from genesis.runners.evaluate import NOT_REACHED, Judgement, TaskProblem
from genesis.scene.batch import roll_out_batch
from genesis.tasks import Task
from genesis.tasks.rollout import inputs_of
from genesis.tasks.task import PRIOR, Judged, divergence
from genesis.view import TrajectoryView

MB = 1e6
#: What a rollout with its gradient keeps, in what `rollout_bytes` counts at least; measured with a panda, 64 bits.
GRADIENT = 5.0


@dataclass(frozen=True)
class Chunks:
    """budget: bytes. planned: bytes that the gradient of a chunk takes. rows: environments of each."""

    budget: float
    planned: float
    rows: list[Tensor]

    def line(self) -> str:
        """In words."""
        return f"{len(self.rows)} chunks of {len(self.rows[0])} environments, {self.planned / MB:.0f} of {self.budget / MB:.0f} MB planned"


def chunks_of(task: Task, budget_mb: float) -> Chunks | None:
    """How the environments of a task are cut; None where one chunk has room. Raises: InputError where a chunk of one has none, or for a
    task whose objective is no mean over environments."""
    setting, budget = task.setting, budget_mb * MB
    envs = setting.batch[0] if setting.batch else 1
    physics = setting.scene.rigid_solver.physics
    one = GRADIENT * rollout_bytes(setting.horizon, 1, physics.nv, physics.substeps, physics.nothing.itemsize)
    if one * envs <= budget:
        return None
    if one > budget:
        raise InputError(
            f"memory.budget_mb: {budget_mb:g}, but the gradient of one environment over {setting.horizon} steps needs about "
            f"{size(one)}; give at least {one / MB:.0f}, or a shorter task.horizon."
        )
    changed = next((name for name, one in task.parameters.items() if one.changes.physical), None)
    solver = setting.scene.rigid_solver
    if changed is not None or any(len(solver.parameters.value(name)) > 1 for name in solver.parameters.names):
        what = f"parameter.{changed} changes the model" if changed else "environments of the scene have models of their own"
        raise InputError(
            f"memory.budget_mb: {what}, and chunks of environments share one; leave it out, or take fewer environments."
        )
    user = next((name for name, (_, loss) in task.losses.items() if isinstance(loss, UserFunction)), None)
    if user is not None:
        raise InputError(
            f"memory.budget_mb: loss.{user} is a function of yours, which need not be a mean over environments; leave one out."
        )
    count = int(budget // one)
    count = 1 << (count.bit_length() - 1)  # a power of two
    return Chunks(budget, one * count, list(torch.arange(envs).split(count)))


def judge_some(task: Task, rows: Tensor) -> Judged:
    """`Task.judge` of some environments of the batch, without priors. Raises: DivergenceError, with environments of the whole batch."""
    inputs = _inputs(task, rows)
    run = roll_out_batch(
        task.setting.scene.rigid_solver, task.setting.control, inputs.qpos, inputs.qvel, inputs.controls, {}, _policy(inputs.policies),
        gradient=torch.is_grad_enabled(),
    )  # fmt: skip
    view = TrajectoryView(run, rows)
    terms = {name: weight * loss(view) for name, (weight, loss) in task.losses.items()}
    objective = torch.stack(list(terms.values())).sum()
    if not bool(torch.isfinite(objective)):
        raise divergence(view, terms).of_batch(rows.tolist())
    return Judged(objective, terms, view, inputs)


def _inputs(task: Task, rows: Tensor) -> Inputs:
    """Of these environments; made for them alone where no parameter holds numbers of each environment."""
    setting, envs = task.setting, task.setting.batch[0]
    held = [x for one in task.parameters.values() for x in vars(one).values() if isinstance(x, Tensor) and x.ndim > 1]
    if not any(envs in x.shape for x in held):
        start = {name: getattr(setting, name).index_select(0, rows) for name in ("start_qpos", "start_qvel")}
        return inputs_of(replace(setting, **start), task.parameters)
    whole = inputs_of(setting, task.parameters)
    return replace(
        whole,
        qpos=whole.qpos.index_select(0, rows),
        qvel=whole.qvel.index_select(0, rows),
        controls=whole.controls.index_select(1, rows),
    )


def _policy(policies: Sequence[Callable[[Tensor, Tensor], Tensor]]) -> Callable[[Tensor, Tensor], Tensor] | None:
    if not policies:
        return None

    def policy(qpos: Tensor, qvel: Tensor) -> Tensor:
        return torch.stack([one(qpos, qvel) for one in policies]).sum(0)

    return policy


class ChunkedProblem(TaskProblem):
    """A task of many environments whose gradients are taken chunk by chunk. Where some environment diverges, there is no value."""

    def __init__(self, task: Task, chunks: Chunks, **options: Any) -> None:
        super().__init__(task, **{**options, "masks": False})
        self.chunks, self.peak = chunks, 0.0

    def _find(self, gradient: bool) -> Judgement:
        """Of all chunks; gradients add up in the leaves."""
        start, before = perf_counter(), _resident()
        envs = sum(len(rows) for rows in self.chunks.rows)
        terms: dict[str, float] = {}
        metrics: dict[str, float] = {}
        objective = 0.0
        for rows in self.chunks.rows:
            share = len(rows) / envs
            with self._of_the_optimizer():
                judged = judge_some(self.task, rows)
            if gradient:
                if not judged.objective.requires_grad:
                    raise InputError(NOT_REACHED)
                (share * judged.objective).backward()
            objective += share * float(judged.objective.detach())
            for name, value in judged.terms.items():
                terms[name] = terms.get(name, 0.0) + share * float(value.detach())
            for name, number in self.task.metrics(judged.trajectory).items():
                better = min if name in self.task.goal.least else max
                metrics[name] = better(metrics[name], number) if name in metrics else number
            self.peak = max(self.peak, _resident() - before)
        prior = self.task.prior()
        if prior is not None:
            terms[PRIOR] = float(prior.detach())
            objective += terms[PRIOR]
            if gradient:
                prior.backward()
        self.clock.add("chunks", start)
        return Judgement(objective, terms, metrics, None)

    def linearize(self) -> Any:
        """Raises: InputError."""
        raise InputError(
            "memory.budget_mb: is kept by gradients, and this optimizer asks for residuals; use adam, lbfgs or lbfgsb, or leave it out."
        )

    def summary(self) -> dict[str, Any]:
        """Also what was planned of memory, and what it came to [MB]."""
        chunks = self.chunks
        told = {
            "budget_mb": chunks.budget / MB, "chunks": len(chunks.rows), "environments": len(chunks.rows[0]),
            "planned_mb": round(chunks.planned / MB, 1), "measured_mb": round(self.peak / MB, 1),
        }  # fmt: skip
        return {**super().summary(), "memory": told}


def _resident() -> float:
    """Bytes of this process that are in memory; 0 where that is not known."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return float(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0.0
