"""A stored policy of episodes as a torch module that needs neither scene nor engine: what is exported, and what acts on a robot."""

import json

import numpy as np
import torch
from torch import Tensor, nn

from genesis.networks import ACTIVATIONS
from genesis.runners.policy_module import weights_of


class ActorModule(nn.Module):
    """action = tanh(MLP((o − mean) / √(variance + added))), control = middle + scale · action, of observations o (N, n) as they are measured.

    arrays: of `genesis.runners.episode_arrays.policy_arrays`, without their heads. spec: its specification, in plain data.
    """

    outputs = ("action", "control")

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.spec = json.loads(str(arrays["specification"]))
        self.activation = str(arrays["activation"])
        self.leaves = weights_of(arrays)[:-1]  # the last is the spread of exploration, which does not act
        mean, variance = (torch.from_numpy(arrays[name].copy()) for name in ("mean", "variance"))
        self.register_buffer("mean", mean)
        self.register_buffer("inverse", (variance + self.spec["statistics"]["added"]).rsqrt())
        for name in ("middle", "scale"):
            self.register_buffer(name, torch.tensor([one[name] for one in self.spec["action"]], dtype=mean.dtype))

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Action (N, m) in [-1, 1] and control (N, m) of observations (N, n)."""
        x = (observation - self.get_buffer("mean")) * self.get_buffer("inverse")
        for k in range(0, len(self.leaves), 2):
            x = torch.nn.functional.linear(ACTIVATIONS[self.activation](x) if k else x, self.leaves[k], self.leaves[k + 1])
        action = x.tanh()
        return action, self.get_buffer("middle") + self.get_buffer("scale") * action

    @property
    def dtype(self) -> torch.dtype:
        """Of observations and actions."""
        return self.leaves[0].dtype
