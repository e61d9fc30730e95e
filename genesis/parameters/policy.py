"""A neural feedback policy as a parameter."""

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor

from genesis import runtime
from genesis.parameters.bounds import read_bounds
from genesis.parameters.open_loop import control_unit, start_control
from genesis.parameters.parameter import Inputs
from genesis.selection import chosen_joints, dofs, indices, joints_of, limits, match
from genesis.setting import Setting

ACTIVATIONS = {
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
    "silu": torch.nn.SiLU,
    "elu": torch.nn.ELU,
    "gelu": torch.nn.GELU,
}


class Policy:
    """u = bounds(base + MLP(observation) S); it observes qpos (periodic joints as sine and cosine) and qvel."""

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        joints: Any = ("*",),
        entity: str | None = None,
        hidden: Any = (32, 32),
        activation: str = "tanh",
        periodic: Any = (),
        scale: Any = 1.0,
        init: Any = "zero",
        bounds: Any = None,
        transform: str = "smooth",
        learn: bool = True,
        lr: float | None = None,
    ) -> None:
        self.learn, self.lr, self.activation = learn, lr, activation
        body = setting.entity(where, entity)
        chosen = chosen_joints(where, body, joints)
        self.dofs, self.nv = dofs(chosen), setting.start_qvel.shape[-1]
        n = len(self.dofs)
        self.base = start_control(f"{where}.init", init, setting, body, self.dofs)
        self.unit = control_unit(f"{where}.scale", scale, setting, body, chosen, self.dofs)
        named = {"limits": limits(body, chosen, setting.control)}
        self.limits = read_bounds(where, bounds, n, transform, named)
        if self.limits is not None:
            self.base = self.limits.invert(self.base)
        observed = joints_of(body)
        names = [joint.name for joint in observed]
        turning = set(match(f"{where}.periodic", "joint", periodic, names)) if periodic else set()
        self.plain = indices([i for k, joint in enumerate(observed) if k not in turning for i in joint.qs])
        self.angles = indices([observed[k].qs[0] for k in sorted(turning) if observed[k].is_scalar])
        self.velocities, self.columns = indices(dofs(observed)), indices(self.dofs)
        inputs = len(self.plain) + 2 * len(self.angles) + len(self.velocities)
        self.network = mlp([inputs, *hidden, n], activation, setting.generator)
        self.evaluate: Callable[[Tensor], Tensor] = self.network
        for leaf in self.network.parameters():
            leaf.requires_grad_(learn)

    def leaves(self) -> list[Tensor]:
        return list(self.network.parameters())

    def leaf_bounds(self) -> list[tuple[Tensor, Tensor] | None]:
        return [None for _ in self.leaves()]

    def with_leaves(self, leaves: list[Tensor]) -> Self:
        made = copy(self)
        made.evaluate = partial(dense, leaves, ACTIVATIONS[self.activation]())
        return made

    def act(self, qpos: Tensor, qvel: Tensor) -> Tensor:
        """Controls ([B,]nv) at a state."""
        angles = qpos.index_select(-1, self.angles)
        seen = torch.cat(
            (qpos.index_select(-1, self.plain), angles.sin(), angles.cos(), qvel.index_select(-1, self.velocities)), -1
        )
        control = self.base + self.evaluate(seen) @ self.unit
        if self.limits is not None:
            control = self.limits.apply(control)
        return control.new_zeros(*control.shape[:-1], self.nv).index_copy(-1, self.columns, control)

    def apply(self, inputs: Inputs) -> None:
        inputs.policies.append(self.act)

    def controlled(self) -> list[int]:
        return self.dofs

    def project(self) -> None:
        """A network has no bounds."""

    def value(self) -> Tensor:
        """All weights in one vector."""
        return torch.nn.utils.parameters_to_vector(self.network.parameters())

    def set_value(self, value: Tensor) -> None:
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(value.to(self.base), self.network.parameters())

    def bounds(self) -> tuple[Tensor, Tensor] | None:
        return None

    def labels(self) -> list[str]:
        return []


def dense(leaves: list[Tensor], activation: Callable[[Tensor], Tensor], seen: Tensor) -> Tensor:
    """What the network of `mlp` with these weights and biases gives."""
    layers = list(zip(leaves[::2], leaves[1::2], strict=True))
    for weight, bias in layers[:-1]:
        seen = activation(torch.nn.functional.linear(seen, weight, bias))
    return torch.nn.functional.linear(seen, *layers[-1])


def mlp(sizes: list[int], activation: str, generator: torch.Generator) -> torch.nn.Sequential:
    """Dense layers with Glorot's uniform start; the last one a tenth of it, so that learning begins near the base control."""
    state = runtime.state()
    layers: list[torch.nn.Module] = []
    for i, (inputs, outputs) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        layer = torch.nn.Linear(inputs, outputs, dtype=state.dtype, device=state.device)
        last = i == len(sizes) - 2
        reach = (6.0 / (inputs + outputs)) ** 0.5 * (0.1 if last else 1.0)
        start = torch.rand(outputs, inputs, generator=generator, dtype=torch.float64) * 2.0 * reach - reach
        with torch.no_grad():
            layer.weight.copy_(start.to(layer.weight))
            layer.bias.zero_()
        layers.append(layer)
        if not last:
            layers.append(ACTIVATIONS[activation]())
    return torch.nn.Sequential(*layers)
