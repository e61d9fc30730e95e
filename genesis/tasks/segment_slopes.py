"""How a motion in segments moves with its free numbers: forward sensitivities that begin anew at every node.

S = dx_0/dz or dnode/dz at the start of a segment,   S_(k+1) = A_k S_k + c_k,   dc/dz = ∂c/∂end S_end + ∂c/∂node dnode/dz
"""

import torch
from torch import Tensor

from genesis.grad.sensitivities import forward
from genesis.grad.tangent import state_minus
from genesis.grad.tensor import plain
from genesis.scene.linear import LinearSteps
from genesis.scene.segments import Pieces, Segments
from genesis.tasks.nodes import Nodes
from genesis.tasks.outside import InputDerivatives


class SegmentSlopes:
    """Of the segments of a motion; the free numbers of the nodes are the last of z.

    ends: states (S-1, nx) where the segments before the nodes end. gaps (S-1, 2nv, n): derivative of the gaps, after `moved`.
    """

    def __init__(self, segments: Segments, nodes: Nodes, pieces: Pieces) -> None:
        self.segments, self.nodes, self.pieces = segments, nodes, pieces
        self.gaps = torch.empty(0)

    def moved(self, steps: LinearSteps, out: InputDerivatives) -> Tensor:
        """S (T+1, 1, nx, n) of the whole motion; at a node that of the node."""
        own, which = self.segments.steps(), self.segments.ends()
        direct = (steps.controls @ out.controls + steps.parameters @ out.parameters)[:, 0]
        nodes = self._nodes(out.start)
        series = forward(steps.state[:, 0][own], direct[own], torch.cat([out.start, nodes]))
        self.gaps = self._gaps(series[which], nodes)
        return series[self.segments.seen()].unsqueeze(1)

    def _nodes(self, like: Tensor) -> Tensor:
        """(S-1, nx, n) derivative of the nodes."""
        free = self.nodes.free.detach().requires_grad_()
        with torch.enable_grad():
            states = torch.cat(self.nodes.with_leaves([free]).states(), -1)
            blocks = by_rows(states, [free])[0]  # each node knows its own numbers alone
        count, nx, size = blocks.shape
        made = like.new_zeros(count, nx, like.shape[-1])
        first = like.shape[-1] - count * size
        for s in range(count):
            made[s, :, first + s * size : first + (s + 1) * size] = blocks[s]
        return made

    def _gaps(self, ends: Tensor, nodes: Tensor) -> Tensor:
        model = self.nodes.model
        with torch.enable_grad():
            leaves = [x.detach().clone().requires_grad_() for x in (*self.pieces.ends, *self._states())]
            q, v, node_q, node_v = leaves
            gaps = state_minus(model, (q, v), (node_q, node_v))
            q_rows, v_rows, node_q_rows, node_v_rows = by_rows(gaps, leaves)
        return torch.cat([q_rows, v_rows], -1) @ ends + torch.cat([node_q_rows, node_v_rows], -1) @ nodes

    def _states(self) -> tuple[Tensor, Tensor]:
        first = self.segments.starts[1:]
        return plain(self.pieces.trajectory.qpos)[first], plain(self.pieces.trajectory.qvel)[first]


def by_rows(values: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    """Derivatives (N, m, k) of values (N, m) to leaves (N, k), where a row of the values sees that row of the leaves alone."""
    tables: list[list[Tensor]] = [[] for _ in leaves]
    for column in range(values.shape[-1]):
        bars = torch.autograd.grad(values[:, column].sum(), leaves, retain_graph=True, materialize_grads=True)
        for table, bar in zip(tables, bars, strict=True):
            table.append(bar)
    return [torch.stack(table, 1) for table in tables]
