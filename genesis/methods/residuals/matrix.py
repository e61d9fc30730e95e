"""Blocks as one matrix."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sparse

from genesis.methods.residuals.block import ResidualBlock


def matrix(blocks: Sequence[ResidualBlock], count: int) -> Any:
    """The whole Jacobian (M, count) to z and then the start states: an array where there are none, else sparse (CSR)."""
    if not any(block.start is not None for block in blocks):
        return np.concatenate([block.z for block in blocks])
    free = count - blocks[0].z.shape[1]
    parts = []
    for block in blocks:
        right = sparse.csr_matrix((len(block.r), free))
        for table, window in ((block.start, block.window), (block.after, block.after_window)):
            if table is not None:
                nt = table.shape[1]
                columns = (window[:, None] * nt + np.arange(nt)).reshape(-1)
                rows = np.repeat(np.arange(len(block.r)), nt)
                right = right + sparse.csr_matrix((table.reshape(-1), (rows, columns)), shape=right.shape)
        parts.append(sparse.hstack([sparse.csr_matrix(block.z), right]))
    return sparse.vstack(parts, format="csr")
