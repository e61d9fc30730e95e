"""Motion axes of a scene, and the sparsity of its mass matrix and of the constrained problem's Hessian."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from genesis.model.builder import Builder


@dataclass(frozen=True)
class MotionAxes:
    """Every motion axis, links outwards.

    dof: degree of freedom of each. turns: whether it turns what it moves. of_joint: first axis of each elementary joint. paths: each
    axis and those before it on the way to the world, nearest first. last_of_slot: the last axis of each slot (0: the world), -1 for
    what is fixed.
    """

    dof: list[int]
    turns: list[bool]
    of_joint: list[int]
    paths: list[list[int]]
    last_of_slot: list[int]

    def path(self, slot: int) -> list[int]:
        """The axes that move a slot."""
        last = self.last_of_slot[slot]
        return self.paths[last] if last >= 0 else []


def motion_axes(b: Builder) -> MotionAxes:
    """The axes of all links in order."""
    dof: list[int] = []
    turns: list[bool] = []
    of_joint: list[int] = []
    paths: list[list[int]] = []
    last_of_slot = [-1]
    for l, (first, count) in enumerate(b.link_jnt):  # noqa: E741
        last = last_of_slot[b.parents[l] + 1]
        for e in b.elementary[first : first + count]:
            of_joint.append(len(dof))
            for k in range(e.kind.nv):
                paths.append([len(dof)] + (paths[last] if last >= 0 else []))
                last = len(dof)
                dof.append(e.dof + k)
                turns.append(e.kind.turns)
        last_of_slot.append(last)
    return MotionAxes(dof, turns, of_joint, paths, last_of_slot)


@dataclass(frozen=True)
class Pattern:
    """Rows of the factor L of A = Lᵀ D L: each degree of freedom with its ancestors in the elimination tree, nearest first.

    adr, depth: per degree of freedom, its diagonal entry and how many ancestors follow. column: per entry.
    address: (row, column) -> entry.
    """

    adr: np.ndarray
    depth: np.ndarray
    column: list[int]
    address: dict[tuple[int, int], int]


def sparsity(nv: int, pairs: Iterable[tuple[int, int]]) -> Pattern:
    """The pattern of a symmetric matrix with nonzeros at ``pairs`` and on its diagonal.

    For the mass matrix of a tree of ordinary joints this is the kinematic tree; a mimic joint couples branches and the rows grow
    accordingly.
    Source: Davis, Direct Methods for Sparse Linear Systems (2006), §4.1; Featherstone (2008), §6.5.
    """
    pattern: list[set[int]] = [set() for _ in range(nv)]
    for i, k in pairs:
        if i != k:
            pattern[max(i, k)].add(min(i, k))
    parent = [-1] * nv
    for i in range(nv - 1, -1, -1):
        if pattern[i]:
            parent[i] = max(pattern[i])
            pattern[parent[i]] |= pattern[i] - {parent[i]}
    adr: list[int] = []
    depth: list[int] = []
    column: list[int] = []
    address: dict[tuple[int, int], int] = {}
    for i in range(nv):
        adr.append(len(column))
        k = i
        while k >= 0:
            address[(i, k)] = len(column)
            column.append(k)
            k = parent[k]
        depth.append(len(column) - adr[i] - 1)
    return Pattern(np.array(adr, np.int32), np.array(depth, np.int32), column, address)
