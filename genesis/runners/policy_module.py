"""A stored policy as a torch module that needs neither scene nor engine: what is exported, and what acts on a robot."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from genesis.networks import ACTIVATIONS
from genesis.parameters.bounds import Bounds

if TYPE_CHECKING:
    from genesis.runners.stored import Solution


class PolicyModule(nn.Module):
    """action = bounds(base + MLP(plain coordinates, sines, cosines, velocities) S), of observations (N, n) as they are measured.

    An observation is the positions of the observed joints in their order, then their velocities, in SI units and unscaled: sine, cosine and
    all scaling are inside. spec: what observation and action are, in plain data; see `specification`.
    """

    outputs = ("action",)

    def __init__(self, arrays: dict[str, np.ndarray], spec: dict[str, Any]) -> None:
        super().__init__()
        self.spec, self.activation = spec, str(arrays["activation"])
        self.leaves = weights_of(arrays)
        coordinates = observed(arrays)
        place = {int(q): k for k, q in enumerate(coordinates)}
        self.register_buffer("plain", _places([place[int(q)] for q in arrays["plain"]]))
        self.register_buffer("angles", _places([place[int(q)] for q in arrays["angles"]]))
        first = len(coordinates)
        self.register_buffer("velocities", _places(range(first, first + len(arrays["velocities"]))))
        self.register_buffer("base", torch.from_numpy(arrays["base"].copy()))
        self.register_buffer("scale", torch.from_numpy(arrays["scale"].copy()))
        low, high = (torch.from_numpy(arrays[name].astype(arrays["base"].dtype)) for name in ("low", "high"))
        bounded = bool(torch.isfinite(low).any() | torch.isfinite(high).any())
        self.bounds = Bounds(low, high, smooth=bool(arrays["smooth"])) if bounded else None

    def forward(self, observation: Tensor) -> Tensor:
        """(N, m) of (N, n)."""
        angles = observation.index_select(-1, self.get_buffer("angles"))
        parts = (observation.index_select(-1, self.get_buffer("plain")), angles.sin(), angles.cos())
        x = torch.cat((*parts, observation.index_select(-1, self.get_buffer("velocities"))), -1)
        for k in range(0, len(self.leaves), 2):
            x = torch.nn.functional.linear(ACTIVATIONS[self.activation](x) if k else x, self.leaves[k], self.leaves[k + 1])
        action = self.get_buffer("base") + x @ self.get_buffer("scale")
        return action if self.bounds is None else self.bounds.apply(action)

    @property
    def dtype(self) -> torch.dtype:
        """Of observations and actions."""
        return self.leaves[0].dtype


def weights_of(arrays: dict[str, np.ndarray]) -> nn.ParameterList:
    """What is stored of a policy as "0", "1", …, in this order, fixed."""
    weights = [arrays[str(k)] for k in range(sum(key.isdigit() for key in arrays))]
    return nn.ParameterList([nn.Parameter(torch.from_numpy(x.copy()), requires_grad=False) for x in weights])


def observed(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Places in qpos of the coordinates that a policy observes, in their order."""
    return np.sort(np.concatenate([arrays["plain"], arrays["angles"]]))


def module_of(solution: "Solution", name: str) -> PolicyModule:
    """The policy of that name, of a task of one motion."""
    arrays = solution.policy_arrays(name)
    return PolicyModule(arrays, specification(solution, name, arrays))


def specification(solution: "Solution", name: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Observation and action in plain data, ready for JSON.

    observation: of each number its joint, "position" or "velocity", unit, and how it enters the network (as it is, or as sine and cosine).
    action: of each number its degree of freedom, what it is (force, position, velocity), unit, bounds (None: none) and scale of the
    network's output. dt: how long an action is held [s].
    """
    coordinates, turning = observed(arrays), set(map(int, arrays["angles"]))
    names, units = (solution.qpos_names, solution.qpos_units), (solution.qvel_names, solution.qvel_units)
    positions = [
        {"name": names[0][q], "quantity": "position", "unit": names[1][q], "enters_as": "sin, cos" if q in turning else "itself"}
        for q in map(int, coordinates)
    ]
    velocities = [
        {"name": units[0][v], "quantity": "velocity", "unit": units[1][v], "enters_as": "itself"}
        for v in map(int, arrays["velocities"])
    ]
    actions = [
        {
            "name": solution.qvel_names[v], "quantity": solution.control_kind, "unit": solution.control_units[v],
            "low": _finite(arrays["low"][k]), "high": _finite(arrays["high"][k]), "base": float(arrays["base"][k]),
            "scale": [float(x) for x in arrays["scale"][:, k]],
        }
        for k, v in enumerate(map(int, arrays["dofs"]))
    ]  # fmt: skip
    bounds = any(a["low"] is not None or a["high"] is not None for a in actions)
    return {
        "policy": name,
        "observation": [*positions, *velocities],
        "action": actions,
        "bounds_kept": ("smooth" if arrays["smooth"] else "clamp") if bounds else "none",
        "activation": str(arrays["activation"]),
        "dt": solution.dt,
        "dtype": str(arrays["0"].dtype),
        "equation": "action = bounds(base + MLP(observation) scale), inside the exported file",
    }


def recorded(solution: "Solution", name: str) -> tuple[np.ndarray, np.ndarray]:
    """Observations (N, n) and what a policy gave for them (N, m) in the run's own motion, all environments and steps in one axis; of a policy
    of episodes actions, then controls (N, 2 m)."""
    arrays = solution.policy_arrays(name)
    if "specification" in arrays:
        driven = [solution.qvel_names.index(one["name"]) for one in solution.policy(name).spec["action"]]
        return solution.arrays["observations"], np.concatenate([solution.arrays["actions"], solution.controls[:, driven]], 1)
    q, v = (x[:-1].reshape(-1, x.shape[-1]) for x in (solution.qpos, solution.qvel))
    seen = np.concatenate([q[:, observed(arrays)], v[:, arrays["velocities"]]], 1)
    acted = solution.controls.reshape(-1, solution.controls.shape[-1])[:, arrays["dofs"]]
    there = np.isfinite(seen).all(1) & np.isfinite(acted).all(1)  # environments that diverged are left out
    return seen[there], acted[there]


def _places(values: Any) -> Tensor:
    return torch.tensor(list(values), dtype=torch.int64)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
