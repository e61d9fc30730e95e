"""What losses and parameters may know of the task that they are part of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from genesis.errors import unknown_name
from genesis.grad.tensor import plain


@dataclass(frozen=True)
class Columns:
    """The numbers of a channel or of a recorded input: a label for each, and their SI unit, one for all or one each."""

    labels: Sequence[str]
    unit: str | Sequence[str]

    def unit_of(self, k: int) -> str:
        """Of the k-th number."""
        return self.unit if isinstance(self.unit, str) else self.unit[k]


@dataclass(frozen=True)
class Recorded:
    """What recordings bring, by name: channels that sensors measured, and inputs that drove the robot."""

    channels: dict[str, Columns]
    inputs: dict[str, Columns]


@dataclass(frozen=True)
class PlanWindow:
    """Where the horizon of a plan lies in a longer motion: it begins after so many steps of `whole`."""

    begins: int
    whole: int


@dataclass
class Setting:
    """The surroundings of a loss or parameter.

    scene: the built scene; entities: its entities by name; robot: the main one; tool: the robot's default frame.
    horizon: steps T; dt: duration of one [s]; control: force, position or velocity.
    start_qpos ([B,]nq), start_qvel ([B,]nv): state at the start [rad | m, rad/s | m/s].
    generator: source of random numbers.
    reference: recorded trajectory with qpos (T+1,[B,]nq) and qvel, or None.
    information: of a trajectory, the square root of the information about the task's unknowns (n, n), or None.
    start_controls: controls before learning (T,[B,]nv), or None where controls come from a closed loop.
    recorded: what recordings bring, or None in a task, which has none.
    start_is_learned: some parameter changes the state at the start. controlled: degrees of freedom whose controls some parameter makes,
    None where that is not known. clock: of a plan that is part of a longer motion, else None. truncate, clip: how far
    back gradients of a rollout go, see `Scene.rollout`; None: all the way.
    """

    scene: Any
    robot: Any
    entities: dict[str, Any]
    tool: str | None
    horizon: int
    dt: float
    control: str
    start_qpos: Tensor
    start_qvel: Tensor
    generator: torch.Generator
    reference: Any = None
    information: Callable[[Any], Tensor] | None = None
    start_controls: Tensor | None = None
    recorded: Recorded | None = None
    start_is_learned: bool = False
    controlled: frozenset[int] | None = None
    clock: PlanWindow | None = None
    truncate: int | None = None
    clip: float | None = None
    described_: tuple[Any, dict[str, Tensor]] | None = field(default=None, repr=False)  # scene, and `described` of it

    @property
    def batch(self) -> tuple[int, ...]:
        """Shape of the environments: () or (B,)."""
        return tuple(self.start_qpos.shape[:-1])

    @property
    def described(self) -> dict[str, Tensor]:
        """The scene's value of every physical parameter by core name, without graph; with an axis of environments only where they differ."""
        if self.described_ is None or self.described_[0] is not self.scene:
            self.described_ = self.scene, {name: plain(value) for name, value in self.scene.physical_parameters().items()}
        return self.described_[1]

    def entity(self, where: str, name: str | None) -> Any:
        """The entity of that name; None: the robot."""
        if name is None:
            return self.robot
        if name not in self.entities:
            raise unknown_name(where, "entity", name, self.entities)
        return self.entities[name]

    def frame(self, where: str, name: str | None, entity: Any = None) -> str:
        """The name of a link or site of an entity (None: the robot); no name: the robot's tool, else the first link."""
        body = self.robot if entity is None else entity
        if name is None:
            name = self.tool if body is self.robot and self.tool is not None else str(body.links[0].name)
        names = [str(part.name) for part in (*body.links, *body.sites)]
        if name not in names:
            raise unknown_name(where, "link or site", name, names)
        return name

    def one_start(self) -> tuple[Tensor, Tensor]:
        """State (nq), (nv) at the start of the first environment."""
        if self.start_qpos.ndim == 1:
            return self.start_qpos, self.start_qvel
        return self.start_qpos[0], self.start_qvel[0]
