"""Short-horizon actor–critic: the gradient of a window through physics, and a value for what lies behind it.

Source: Xu et al., Accelerated Policy Learning with Parallel Differentiable Simulation, ICLR 2022.
"""

from typing import Any

import torch

from genesis.methods.actor_critic.critic import Critic
from genesis.methods.actor_critic.training import Training, Transitions, lambda_returns, training_of
from genesis.methods.light_start import light
from genesis.methods.method import Ending, Needs, Objective, learned, no_value
from genesis.methods.schedulers import Schedule, make_scheduler


class SHAC:
    """Adam on the gradient of windows of `steps`, each of whose environments has its adjoint clipped at every step.

    Args:
        lr, betas, clip_norm: of the policy's Adam. clip: norm of one environment's adjoint at each step, times the number of environments and
            steps, as if the objective were its own return; None: as it comes.
        discount: γ; decay: λ of the targets. critic_*: learning rate, layers, ensemble, passes over a window, rows of a batch; follow: how far
            the target goes to the critic.
    """

    kind = "shac"
    needs: Needs = "episodes"
    revisits, masks = False, True

    training: Training
    found: Transitions

    def __init__(
        self,
        *,
        steps: int = 32,
        lr: float = 5e-3,
        betas: Any = (0.7, 0.95),
        clip_norm: float | None = 1.0,
        clip: float | None = None,
        discount: float = 0.99,
        decay: float = 0.95,
        critic_lr: float = 2e-3,
        critic_hidden: Any = (64, 64),
        critic_activation: str = "elu",
        critics: int = 2,
        critic_passes: int = 3,
        critic_batch: int = 512,
        follow: float = 0.8,
        seed: int = 0,
    ) -> None:
        self.steps, self.clip_norm, self.clip, self.discount, self.decay = steps, clip_norm, clip, discount, decay
        self.adam: dict[str, Any] = {"lr": lr, "betas": tuple(betas)}
        self.of_critic: dict[str, Any] = dict(
            hidden=tuple(critic_hidden), activation=critic_activation, members=critics, lr=critic_lr, betas=tuple(betas),
            passes=critic_passes, batch=critic_batch, follow=follow, clip_norm=1.0,
        )  # fmt: skip
        self.seed, self.schedule, self.iterations = seed, dict[str, Any](kind="constant"), 0

    def scheduled(self, schedule: dict[str, Any], iterations: int) -> None:
        """The learning rates follow a schedule (kind and keyword arguments) over so many iterations; before `init`."""
        self.schedule, self.iterations = schedule, iterations

    def init(self, objective: Objective) -> None:
        """See `Method.init`."""
        self.objective, self.groups = objective, learned(objective)
        self.training = training_of(objective, self.kind)
        self.critic = Critic(self.training.width, self.training.like, self.seed, **self.of_critic)
        self.leaves = [leaf for leaf in self.groups[0].leaves if leaf.requires_grad]
        self.optimizer = light(torch.optim.Adam)(self.leaves, **self.adam)
        self.schedulers: list[Schedule] = [
            made
            for one in (self.optimizer, self.critic.optimizer)
            if (made := make_scheduler(self.schedule, one, self.iterations)) is not None
        ]
        self.last: dict[str, float] = {}

    def look(self) -> Ending | None:
        """The next window."""
        found = self.training.window(self.critic.value, self.steps, self.discount, self.clip)
        if found is None:
            return no_value(self.objective)
        self.found = found
        return None

    def step(self) -> Ending | None:
        """The policy, then what is known of observations, then the critic."""
        norm = float(torch.nn.utils.clip_grad_norm_(self.leaves, self.clip_norm or float("inf")))
        self.optimizer.step()
        found = self.found
        with torch.no_grad():
            values = self.critic.value(found.reached.flatten(0, 1)).view_as(found.rewards)
            wanted = lambda_returns(found, values, self.discount, self.decay)
        loss = self.critic.fit(found.seen.flatten(0, 1), wanted.flatten())
        self.training.learn_statistics()
        for schedule in self.schedulers:
            schedule(None)
        spread = float(wanted.var())
        self.last = {"gradient": norm, "value_loss": loss, "explained": 1.0 - loss / spread if spread > 0.0 else 0.0}
        return None

    def told(self) -> dict[str, float]:
        """Norm of the gradient before it was clipped, error of the critic, share of the targets' variance that it explains."""
        return self.last

    def learning_rates(self) -> list[float]:
        return [float(self.optimizer.param_groups[0]["lr"])]

    def state_dict(self) -> dict[str, Any]:
        return {
            "optimizer": self.optimizer.state_dict(),
            "critic": self.critic.state_dict(),
            "schedulers": [one.state_dict() for one in self.schedulers],
            "last": self.last,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        self.critic.load_state_dict(state["critic"])
        for one, given in zip(self.schedulers, state["schedulers"], strict=True):
            one.load_state_dict(given)
        self.last = dict(state["last"])
