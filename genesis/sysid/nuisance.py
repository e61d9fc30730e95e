"""Start states beside the parameters: what of the residuals a fit can follow, and what the noise of starts adds to the scores.

    r = (1 - F F^T) e,   F = [S root, (Z - S K Hsz) I^(-1/2)],   K = root root^T = (S^T S + P0^-1)^-1 window by window

Z, S: Jacobians to the parameters and to the start of the window; I: information about the parameters with starts estimated along. Starts
that are held at their measurements are estimated along here all the same, since their noise is in the residuals: the scores Z^T r have it as
Z^T S d, with the covariance P0 of the starts.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from genesis.methods.residuals import Normal, ResidualBlock
from genesis.sysid.autocorrelation import Noise, series_of
from genesis.sysid.linearization import evaluate
from genesis.sysid.residuals import Residuals

WEAK = 1e-14  # of an eigenvalue relative to the largest: rounding
OTHERS = ("start", "gap", "prior", "described")  # labels of blocks that are no measurements


@dataclass
class Followed:
    """Blocks of the channels, weighted, with residuals freed of what the noise of held starts has added; f: rows of F, of each block.

    own: columns of F that belong to the start of a window. believed: window -> (m, m), what priors leave of F^T e. scores: rows that the noise
    is multiplied with in the scores, of each block; extra (n, n): covariance that starts add to them. white (n, n): sum of their squares.
    before: window -> the one that it goes on from.
    """

    blocks: list[ResidualBlock]
    f: list[np.ndarray]
    own: int
    believed: dict[int, np.ndarray]
    scores: list[np.ndarray]
    extra: np.ndarray
    before: dict[int, int]

    @property
    def used(self) -> float:
        """How many numbers of the residuals the fit has used up: the trace of F F^T."""
        return float(sum((f**2).sum() for f in self.f))

    @property
    def count(self) -> int:
        """Residuals."""
        return sum(len(block.r) for block in self.blocks)

    @property
    def white(self) -> np.ndarray:
        """(n, n) covariance of the scores where the noise is one, and white."""
        return sum((s.T @ s for s in self.scores), np.zeros_like(self.extra)) + self.extra

    def noise(self) -> Noise:
        """The noise in time."""
        return Noise(
            series_of([replace(b, z=s) for b, s in zip(self.blocks, self.scores, strict=True)], self.f),
            self.own,
            self.believed,
            self.before,
        )


def held_starts(residuals: Residuals) -> bool:
    """Whether windows start at measurements whose noise is known."""
    problem = residuals.problem
    return not problem.nt and bool(problem.start_std.any())


def followed(residuals: Residuals, x: np.ndarray, blocks: Sequence[ResidualBlock]) -> Followed:
    """At an optimum x (flat), of blocks with Jacobians and without gaps. What priors and descriptions say of z is in the blocks too."""
    problem, n, held = residuals.problem, residuals.problem.n, held_starts(residuals)
    believed = Normal.of([b for b in blocks if b.label in ("prior", "described")], n, 0, 0).zz
    if held:
        blocks = _with_starts(residuals, x)
    nt = problem.space.nt if held else problem.nt
    channels = [block.weighted() for block in blocks if block.label not in OTHERS]
    normal = Normal.of(channels, n, len(problem.windows), nt)
    info, extra = normal.zz + believed, np.zeros((n, n))
    roots = _Starts.of(normal, problem.start_std, held) if nt else None
    if roots is not None:
        kept = np.einsum("wnt,wtu->wnu", normal.zs, roots.inverse)
        info = info - np.einsum("wnu,wmu->nm", kept, normal.zs)
        extra = (
            np.einsum("wnt,wt,wmt->nm", normal.zs, problem.start_std**2, normal.zs)
            if held
            else np.einsum("wnt,wtu,wmu->nm", kept, roots.prior, kept)
        )
    half = _inverse_root(info)
    before = {w: window.before for w, window in enumerate(problem.windows) if window.before >= 0}
    made = Followed([], [], nt, {}, [], extra, before)
    for block in channels:
        f, z, r = block.z @ half, block.z, block.r
        if roots is not None:
            w = block.window
            along = np.einsum("rt,rtu->ru", block.start, roots.root[w])
            back = np.einsum("rt,rtn->rn", block.start, np.einsum("wtu,wnu->wtn", roots.inverse, normal.zs)[w])
            f = np.concatenate([along, (block.z - back) @ half], 1)
            z = block.z if held else block.z - back
            if held:
                r = r - np.einsum("rt,rt->r", block.start, np.einsum("wtu,wu->wt", roots.inverse, normal.gs)[w])
        made.blocks.append(replace(block, r=r))
        made.f.append(f)
        made.scores.append(z)
    if held:  # and of what the parameters, too, would be with free starts
        step = sum((f[:, nt:].T @ block.r for f, block in zip(made.f, made.blocks, strict=True)), np.zeros(n))
        made.blocks = [replace(block, r=block.r - f[:, nt:] @ step) for f, block in zip(made.f, made.blocks, strict=True)]
    shared = half.T @ believed @ half
    for w in range(len(problem.windows)):
        table = np.zeros((nt + n, nt + n))
        if roots is not None:
            table[:nt, :nt] = roots.left[w]
        table[nt:, nt:] = shared / len(problem.windows)
        made.believed[w] = table
    return made


def _with_starts(residuals: Residuals, x: np.ndarray) -> list[ResidualBlock]:
    """The blocks with Jacobians to the start states that are held."""
    problem = copy(residuals.problem)
    problem.start = copy(problem.start)
    assert problem.start is not None
    problem.start.learn = True
    problem.start_std = np.full_like(residuals.problem.start_std, np.inf)  # no priors among the blocks
    made = evaluate(problem, np.concatenate([x, np.zeros(residuals.problem.start_std.size)]), True)
    residuals.problem.simulations = problem.simulations
    return made


@dataclass
class _Starts:
    """Of each window (W, nt, nt): root with inverse = root root^T = (S^T S + P0^-1)^-1; prior P0^-1; left: root^T P0^-1 root."""

    root: np.ndarray
    inverse: np.ndarray
    prior: np.ndarray
    left: np.ndarray

    @classmethod
    def of(cls, normal: Normal, std: np.ndarray, held: bool) -> "_Starts":
        eye = np.eye(std.shape[1])
        if held:  # a start that is known exactly has no root
            inner = std[:, :, None] * normal.ss * std[:, None, :] + eye
            half = np.stack([_inverse_root(x) for x in inner])
            root = std[:, :, None] * half
            left = half.transpose(0, 2, 1) @ half
            return cls(root, root @ root.transpose(0, 2, 1), np.zeros_like(inner), left)
        prior = eye * (1.0 / std**2)[:, :, None]
        root = np.stack([_inverse_root(x) for x in normal.ss + prior])
        return cls(root, root @ root.transpose(0, 2, 1), prior, root.transpose(0, 2, 1) @ prior @ root)


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    """R with R R^T the (pseudo-)inverse of a symmetric matrix that is not negative; of its scaled form, so that units do not matter."""
    size = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    scale = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0.0)
    values, vectors = np.linalg.eigh(matrix * np.outer(scale, scale))
    good = values > WEAK * max(float(values.max(initial=0.0)), 1e-300) * len(size)
    made: np.ndarray = scale[:, None] * vectors * np.where(good, 1.0 / np.sqrt(np.where(good, values, 1.0)), 0.0)
    return made
