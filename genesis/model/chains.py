"""Chains: which motion axes move one body relative to another, and which degrees of freedom those are.

The Jacobian row of a constraint between two bodies has its nonzeros at the degrees of freedom of their chain.
"""

from collections.abc import Iterable, Sequence

from genesis.model.sparsity import MotionAxes, Pattern


class Chains:
    """All chains of a model, each once. A chain is named by its index."""

    def __init__(self, axes: MotionAxes, nv: int) -> None:
        self._axes = axes
        self._index: dict[tuple, int] = {}
        self._between: dict[tuple[int, int, bool], int] = {}
        self.axes: list[tuple[tuple[int, int], ...]] = []  # per chain: (axis, side), descending
        self.dofs: list[tuple[int, ...]] = []  # per chain: descending
        self.single = [self.of_dofs([dof]) for dof in range(nv)]

    def of_dofs(self, dofs: Iterable[int]) -> int:
        """The chain of joint coordinates alone, without axes."""
        return self._add((), tuple(sorted(set(dofs), reverse=True)))

    def between(self, slot1: int, slot2: int, *, apart: bool = False) -> int:
        """The chain of body 2 relative to body 1: axes of body 2 count +1, those of body 1 −1.

        Axes that move both cancel where the block acts on one point of both. ``apart``: it acts on a point of each, which may lie
        apart; an axis that turns both bodies then moves one point against the other, and counts as 0.
        """
        if (slot1, slot2, apart) not in self._between:
            path1, path2 = set(self._axes.path(slot1)), set(self._axes.path(slot2))
            sides = dict.fromkeys(path2 - path1, 1) | dict.fromkeys(path1 - path2, -1)
            if apart:
                sides |= {axis: 0 for axis in path1 & path2 if self._axes.turns[axis]}
            axes = tuple(sorted(sides.items(), reverse=True))
            dofs = tuple(sorted({self._axes.dof[axis] for axis in sides}, reverse=True))
            self._between[slot1, slot2, apart] = self._add(axes, dofs)
        return self._between[slot1, slot2, apart]

    def _add(self, axes: tuple[tuple[int, int], ...], dofs: tuple[int, ...]) -> int:
        key = (axes, dofs)
        if key not in self._index:
            self._index[key] = len(self.axes)
            self.axes.append(axes)
            self.dofs.append(dofs)
        return self._index[key]

    def pairs(self) -> set[tuple[int, int]]:
        """Pairs of degrees of freedom, the larger first, that some constraint couples."""
        return {(i, k) for dofs in set(self.dofs) for n, i in enumerate(dofs) for k in dofs[n + 1 :]}

    def integers(self, mass: Pattern) -> dict[str, Sequence[int]]:
        """The arrays chain_*, cax_* and cdof_*; ``mass``: pattern of the mass matrix."""
        axisnum, dofnum = [len(axes) for axes in self.axes], [len(dofs) for dofs in self.dofs]
        rows = list(zip(self.axes, self.dofs, strict=True))
        return dict(
            dof_chain=self.single,
            chain_axisadr=_starts(axisnum), chain_axisnum=axisnum, chain_dofadr=_starts(dofnum), chain_dofnum=dofnum,
            chain_tree=[int(all(pair in mass.address for pair in zip(dofs, dofs[1:], strict=False))) for dofs in self.dofs],
            cax_axis=[axis for axes in self.axes for axis, _ in axes],
            cax_side=[side for axes in self.axes for _, side in axes],
            cax_local=[dofs.index(self._axes.dof[axis]) for axes, dofs in rows for axis, _ in axes],
            cdof_dof=[dof for dofs in self.dofs for dof in dofs],
        )  # fmt: skip


def _starts(counts: list[int]) -> list[int]:
    starts = [0]
    for count in counts:
        starts.append(starts[-1] + count)
    return starts[:-1]
