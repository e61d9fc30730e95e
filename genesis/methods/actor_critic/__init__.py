"""Methods that learn a policy and a value together, from windows of episodes."""

from genesis.methods.actor_critic.shac import SHAC

__all__ = ["SHAC"]
