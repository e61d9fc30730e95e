"""The mechanics: one file a stage, each function with its adjoint directly below it; kernels in rollout.py and inspect.py."""

from genesis.runtime import cheap_frame_lookup

with cheap_frame_lookup():  # every Taichi function that this floor defines or imports
    from genesis.dynamics import launch

__all__ = ["launch"]
