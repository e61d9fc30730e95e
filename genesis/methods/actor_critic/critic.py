"""Values of observations: an ensemble of networks, learned by regression, and a slow copy of it that policies are judged by."""

from typing import Any

import torch
from torch import Tensor

from genesis.methods.light_start import light
from genesis.networks import ACTIVATIONS


class Critic:
    """m networks of the same sizes, side by side: their mean is the value.

    Args:
        width: numbers of an observation. members: m. passes: over the data of each fit, in batches of `batch` rows. follow: share of the way
            that the target goes to the critic at each fit.
    """

    def __init__(
        self,
        width: int,
        like: Tensor,
        seed: int,
        *,
        hidden: Any,
        activation: str,
        members: int,
        lr: float,
        betas: tuple[float, float],
        passes: int,
        batch: int,
        follow: float,
        clip_norm: float,
    ) -> None:
        self.activation, self.passes, self.batch, self.follow, self.clip = activation, passes, batch, follow, clip_norm
        self.generator = torch.Generator().manual_seed(seed)
        sizes, self.leaves = [width, *hidden, 1], []
        for inputs, outputs in zip(sizes, sizes[1:], strict=False):
            reach = (6.0 / (inputs + outputs)) ** 0.5
            weight = torch.rand(members, inputs, outputs, generator=self.generator, dtype=torch.float64) * 2.0 * reach - reach
            self.leaves += [weight.to(like).requires_grad_(), like.new_zeros(members, 1, outputs).requires_grad_()]
        self.target = [leaf.detach().clone() for leaf in self.leaves]
        self.optimizer = light(torch.optim.Adam)(self.leaves, lr=lr, betas=betas)  # type: ignore[call-arg]

    def _each(self, leaves: list[Tensor], observed: Tensor) -> Tensor:
        """(m, rows) of (rows, width)."""
        act, x = ACTIVATIONS[self.activation], observed.expand(len(leaves[0]), *observed.shape)
        for k in range(0, len(leaves), 2):
            x = torch.baddbmm(leaves[k + 1], act(x) if k else x, leaves[k])
        return x[..., 0]

    def value(self, observed: Tensor) -> Tensor:
        """Of the slow copy (rows,): its gradient is that to the observations alone."""
        return self._each(self.target, observed).mean(0)

    def fit(self, observed: Tensor, wanted: Tensor) -> float:
        """Regression of (rows, width) on (rows,), then the target follows; the mean squared error of the first pass."""
        first, count = 0.0, 0
        for number in range(self.passes):
            order = torch.randperm(len(observed), generator=self.generator)
            for rows in order.split(self.batch):
                self.optimizer.zero_grad()
                error = ((self._each(self.leaves, observed[rows]) - wanted[rows]) ** 2).mean()
                error.backward()
                torch.nn.utils.clip_grad_norm_(self.leaves, self.clip)
                self.optimizer.step()
                if number == 0:
                    first, count = first + float(error.detach()), count + 1
        with torch.no_grad():
            for slow, leaf in zip(self.target, self.leaves, strict=True):
                slow.lerp_(leaf, self.follow)
        return first / max(count, 1)

    def state_dict(self) -> dict[str, Any]:
        return {
            "leaves": [leaf.detach().clone() for leaf in self.leaves],
            "target": [leaf.clone() for leaf in self.target],
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        with torch.no_grad():
            for mine, given in zip([*self.leaves, *self.target], [*state["leaves"], *state["target"]], strict=True):
                mine.copy_(given)
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
