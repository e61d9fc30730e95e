"""What users hand in (numbers, lists, arrays, tensors, indices) to plain tensors of the scene, gradients kept."""

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np
import torch

from genesis.errors import InputError, SceneMixError
from genesis.grad.pull_back import bare, constant, transforming, wrapped
from genesis.grad.tensor import Tensor, plain
from genesis.grad.transforms import outside
from genesis.log import logger

#: Numbers as users give them: a tensor, an array, a number, or lists of these.
ArrayLike = torch.Tensor | np.ndarray | np.number | float | Sequence["ArrayLike"]
#: Rows or columns as users name them; None: all.
IndexLike = int | np.integer | slice | Sequence[int] | AbstractSet[int] | np.ndarray | torch.Tensor | None

MAX_KNOWN = 256  # indices remembered by an Indexer


@dataclass(frozen=True, eq=False)
class Index:
    """Some columns (or rows) of an array of the scene.

    local: as the user counts; tensor: global columns; start, stop: global range if they are consecutive, else -1.
    """

    local: tuple[int, ...]
    tensor: torch.Tensor
    start: int
    stop: int

    @property
    def n(self) -> int:
        return len(self.local)


class Indexer:
    """Turns a user's index (None, int, slice, range, list, array, tensor, mask) into an Index, and remembers it."""

    def __init__(self, what: str, count: int, offset: int, device: torch.device) -> None:
        self.what, self.count, self.offset, self.device = what, count, offset, device
        self._known: dict[tuple[int, ...], Index] = {}
        self.all = self._make(tuple(range(count)))

    def __call__(self, index: IndexLike) -> Index:
        """Raises: InputError for what is no index, out of range, or double."""
        if index is None:
            return self.all
        local = self._numbers(index)
        known = self._known.get(local)
        if known is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[local] = self._make(self._checked(local))
        return known

    def _numbers(self, index: IndexLike) -> tuple[int, ...]:
        if type(index) is tuple:
            return index
        if isinstance(index, int | np.integer):
            return (int(index),)
        if isinstance(index, slice):
            return tuple(range(*index.indices(self.count)))
        if isinstance(index, torch.Tensor | np.ndarray):
            values = index.tolist()
            values = values if isinstance(values, list) else [values]
            if values and isinstance(values[0], bool):
                if len(values) != self.count:
                    raise InputError(f"{self.what}: the mask has {len(values)} entries; allowed: {self.count}.")
                return tuple(i for i, on in enumerate(values) if on)
            return tuple(values)
        if isinstance(index, Sequence | range | set | frozenset) and not isinstance(index, str):
            return tuple(index)
        raise InputError(f"{self.what}: {index!r} is no index; allowed: None, an integer, a slice, or a list of integers.")

    def _checked(self, local: tuple[object, ...]) -> tuple[int, ...]:
        made = []
        for i in local:
            if not isinstance(i, int | np.integer) or isinstance(i, bool) or not -self.count <= i < self.count:
                raise InputError(
                    f"{self.what}: index {i!r}; allowed: 0 to {self.count - 1}."
                    if self.count
                    else f"{self.what}: index {i!r}, but there are none."
                )
            made.append(int(i) % self.count)
        if len(set(made)) != len(made):
            raise InputError(f"{self.what}: {list(local)} names an index twice.")
        return tuple(made)

    def _make(self, local: tuple[int, ...]) -> Index:
        first = local[0] if local else 0
        consecutive = local == tuple(range(first, first + len(local)))
        start, stop = (first + self.offset, first + self.offset + len(local)) if consecutive else (-1, -1)
        with outside():
            tensor = torch.tensor([i + self.offset for i in local], dtype=torch.int64, device=self.device)
        return Index(local, tensor, start, stop)


@dataclass(frozen=True)
class UserValues:
    """How values enter a scene.

    keep_graph says whether the scene carries gradients, rows is the number of environments (at least 1), batched n_envs > 0.
    told remembers warnings that were given.
    """

    scene: object
    dtype: torch.dtype
    device: torch.device
    keep_graph: bool
    rows: int
    batched: bool
    told: set[str] = field(default_factory=set)

    def tensor(self, value: ArrayLike, what: str, keep_graph: bool | None = None) -> torch.Tensor:
        """A copy of the value as a plain tensor of the scene's type, in the graph of torch if ``keep_graph``.

        keep_graph: None: as the scene has it, which will keep the value, so that no transform of torch.func may have a hand in it.
        Raises: InputError (not numbers, wrong device), SceneMixError (a tensor of another scene), UnsupportedError.
        """
        made = self.borrow(value, what, keep_graph)
        return made.clone() if isinstance(value, torch.Tensor) and value.dtype is self.dtype else made

    def borrow(self, value: ArrayLike, what: str, keep_graph: bool | None = None) -> torch.Tensor:
        """As `tensor`, but the result may be the tensor of the user itself: not to be kept nor written to."""
        keep = self.keep_graph if keep_graph is None else keep_graph
        if not isinstance(value, torch.Tensor):
            return self._from_numbers(value, what, keep_graph)
        if type(value) is not torch.Tensor:
            if isinstance(value, Tensor) and value.scene is not None and value.scene is not self.scene:
                raise SceneMixError(
                    f"{what}: Tensors not derived from the same Scene object: {self.scene} vs {value.scene}. Consider calling "
                    "`Tensor.sceneless()` to detach a tensor from its scene if gradient flow back to the scene is not needed."
                )
            value = plain(value)
        if keep_graph is None and wrapped(value):
            value = constant(value, what)
        if value.requires_grad and not keep:
            value = self._cut(value, what)
        if value.device != self.device:
            raise InputError(f"{what}: the tensor is on {value.device}; allowed: {self.device}. Call .to(gs.device) first.")
        if value.dtype is self.dtype:
            return value
        if value.is_complex() or value.dtype is torch.bool:
            raise InputError(f"{what}: dtype {value.dtype}; allowed: real numbers.")
        return value.to(self.dtype)

    def rows_of(
        self, value: ArrayLike, what: str, tail: tuple[int, ...], rows: Index | None = None, keep_graph: bool | None = None
    ) -> torch.Tensor:
        """The value as (environments or 1, *tail); a single number stands for all entries.

        Raises: InputError naming the shapes allowed, besides those of `tensor`.
        """
        if type(value) is torch.Tensor and value.dtype is self.dtype and value.shape == tail and value.device == self.device:
            if keep_graph is None and wrapped(value):
                value = constant(value, what)
            if value.requires_grad and not (self.keep_graph if keep_graph is None else keep_graph):
                value = self._cut(value, what)
            return torch.stack((value,))  # the usual case: copy and new axis in one operation
        made = self.tensor(value, what, keep_graph)
        shape = made.shape
        if shape == tail:
            return made.unsqueeze(0)
        count = self.rows if rows is None else rows.n
        if self.batched and shape == (count, *tail):
            return made
        if not shape:
            return made.expand(1, *tail)
        allowed = f"{tail}" + (f" or {(count, *tail)}" if self.batched else "")
        raise InputError(f"{what}: shape {tuple(shape)}; allowed: {allowed}.")

    def finite(self, value: torch.Tensor, what: str, least: float | None = None) -> None:
        """Raises: InputError if a number is NaN or infinite (or below ``least``), naming the first."""
        data = value.detach()
        if transforming():
            data = bare(data)
        if data.numel() == 0:
            return
        if math.isfinite(data.sum().item()) and (least is None or data.min().item() >= least):
            return
        bad = ~torch.isfinite(data)
        if bad.any():
            where = tuple(int(i) for i in bad.nonzero()[0])
            raise InputError(f"{what}: {data[where].item()} at {_place(where, self.batched)}; allowed: finite numbers.")
        if least is not None and (data < least).any():
            where = tuple(int(i) for i in (data < least).nonzero()[0])
            raise InputError(f"{what}: {data[where].item():g} at {_place(where, self.batched)}; allowed: {least:g} or more.")

    def _cut(self, value: torch.Tensor, what: str) -> torch.Tensor:
        """The value without its graph; the first loss of a gradient is announced."""
        if torch.is_grad_enabled() and "requires_grad" not in self.told:
            self.told.add("requires_grad")
            logger.warning(
                "%s: the tensor requires gradients, which this scene does not record; make it with "
                "gs.Scene(sim_options=gs.options.SimOptions(requires_grad=True)).",
                what,
            )
        return value.detach()

    def _from_numbers(self, value: ArrayLike, what: str, keep_graph: bool | None) -> torch.Tensor:
        if isinstance(value, list | tuple) and _holds_tensors(value):
            try:
                return torch.stack([self.tensor(v, what, keep_graph) for v in value])
            except RuntimeError as error:
                raise InputError(f"{what}: parts of different shapes in one list.") from error
        try:
            made = torch.from_numpy(np.array(value, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise InputError(f"{what}: {value!r} is not made of numbers.") from error
        return made.to(self.device, self.dtype)


def _holds_tensors(value: list | tuple) -> bool:
    return any(isinstance(v, torch.Tensor) or (isinstance(v, list | tuple) and _holds_tensors(v)) for v in value)


def _place(where: tuple[int, ...], batched: bool) -> str:
    inside = list(where[1:])
    text = f"index {inside[0] if len(inside) == 1 else inside}" if inside else "the value"
    return f"environment {where[0]}, {text}" if batched else text


def take(base: torch.Tensor, columns: Index) -> torch.Tensor:
    """base (B, N, ...) to its columns (B, n, ...)."""
    if columns.start < 0:
        return base.index_select(1, columns.tensor)
    if columns.stop - columns.start == base.shape[1]:
        return base
    return base[:, columns.start : columns.stop]


def rows_of(x: torch.Tensor, rows: Index | None) -> torch.Tensor:
    """x (B or 1, ...) of some environments (n or 1, ...)."""
    return x if rows is None or x.shape[0] == 1 else x.index_select(0, rows.tensor)


def assign(base: torch.Tensor, value: torch.Tensor, columns: Index, rows: Index | None = None) -> torch.Tensor:
    """base (B, N, ...) with value (b or 1, n, ...) at columns (and rows); overwritten entries lose their gradient."""
    if transforming():
        with outside():
            return assign(bare(base), bare(value), columns, rows)
    if rows is None:
        value = value.expand(base.shape[0], columns.n, *base.shape[2:])
        if columns.start < 0:
            return base.index_copy(1, columns.tensor, value)
        if columns.stop - columns.start == base.shape[1]:
            return value.contiguous()
        return torch.slice_scatter(base, value, 1, columns.start, columns.stop)
    value = value.expand(rows.n, columns.n, *base.shape[2:])
    return base.index_put((rows.tensor.unsqueeze(1), columns.tensor.unsqueeze(0)), value)
