"""Run trace-time mathematics on numbers: one small kernel for a function of lane scalars."""

from collections.abc import Callable, Sequence

import numpy as np
import taichi as ti
import torch

from genesis import runtime
from genesis.math.lanes import Block
from genesis.math.trace import tracing

LANES = (1, 4)  # a scalar, and a register of four environments


def evaluate(function: Callable[[list, int], Sequence], x: np.ndarray, lanes: int = 1) -> np.ndarray:
    """Rows ``function(x_1, ..., x_n)`` for the rows of x; the function gets lane scalars and their width."""
    user_t = ti.types.ndarray(dtype=runtime.state().ti_float, ndim=3)
    found: list[int] = []

    def apply(block, source, target) -> None:
        results = function([block.gather(source, 0, i) for i in range(x.shape[1])], lanes)
        found.append(len(results))
        for k, value in enumerate(results):
            block.scatter(target, value, 0, k)

    @ti.kernel
    def run(source: user_t, target: user_t, count: ti.i32, blocks: ti.i32):
        for e in range(blocks):
            block = Block(e, count, lanes)
            apply(block, source, target)

    dtype = runtime.state().dtype
    source, target = torch.tensor(x, dtype=dtype)[None].contiguous(), torch.full((1, len(x), 32), torch.nan, dtype=dtype)
    with tracing():
        run(source, target, len(x), -(-len(x) // lanes))
    return target[0, :, : found[0]].numpy()
