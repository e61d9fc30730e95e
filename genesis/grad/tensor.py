"""gs.Tensor: a torch tensor that knows the scene it comes from."""

import functools
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import get_default_nowrap_functions

from genesis.errors import InputError, SceneMixError

_NOT_WRAPPED = get_default_nowrap_functions()
_at = torch.Tensor.__getitem__
_undispatched: Any = torch._C._disabled_torch_function_impl
_no_dispatch = torch._C.DisableTorchFunctionSubclass
_uids = count(1)


class Tensor(torch.Tensor):
    """A `torch.Tensor` with the scene it was derived from; every torch operation hands the scene on.

    Attributes:
        scene: the scene, or None.
        uid: a number of this tensor.
        parents: uids of the gs.Tensors it was computed from.
    """

    scene: Any = None
    parents: tuple[int, ...] = ()
    _uid: int = 0

    if TYPE_CHECKING:  # what `__torch_function__` makes of the operations of torch that scenes hand on

        def __getitem__(self, index: Any, /) -> "Tensor": ...
        def __add__(self, other: Any, /) -> "Tensor": ...
        def sum(self, *args: Any, **kwargs: Any) -> "Tensor": ...
        def requires_grad_(self, requires_grad: bool = True) -> "Tensor": ...

    def __new__(cls, *args: Any, scene: object = None, **kwargs: Any) -> "Tensor":
        with _no_dispatch():
            out: Tensor = torch.Tensor(*args, **kwargs).as_subclass(cls)
        out.scene = scene
        return out

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run func and give the result the common scene of its arguments. Raises: SceneMixError if there are two."""
        if func is _at and type(args[1]) in _PLACES:  # what losses do most
            part: Any = _undispatched(func, types, args)  # cheaper than the context
            source: Any = args[0]
            part.__class__, part.scene, part.parents = cls, source.scene, (source._uid or source.uid,)
            return part
        scene: object = None
        parents: list[int] = []
        for arg in args if not kwargs else (*args, *kwargs.values()):
            if isinstance(arg, Tensor):
                scene = arg.scene if scene is None else _common(scene, arg)
                parents.append(arg._uid or arg.uid)
            elif type(arg) is list or type(arg) is tuple:
                for part in arg:
                    if isinstance(part, Tensor):
                        scene = _common(scene, part)
                        parents.append(part.uid)
        with _no_dispatch():
            out: Any = func(*args, **kwargs) if kwargs else func(*args)
        if func in _NOT_WRAPPED:
            return out
        if type(out) is torch.Tensor and not kwargs:  # the usual case, without a call
            for arg in args:
                if arg is out:
                    break
            else:
                out.__class__ = cls  # fresh: as_subclass would add a node to the graph at every operation
                if scene is not None:
                    out.scene = scene  # type: ignore[attr-defined]
                out.parents = tuple(parents)  # type: ignore[attr-defined]
                return out
        return _dress(out, scene, tuple(parents), () if kwargs else args)

    def backward(self, *args: Any, **kwargs: Any) -> None:
        """As `torch.Tensor.backward`, without asking for the scene."""
        with _no_dispatch():
            torch.Tensor.backward(self, *args, **kwargs)

    @property
    def uid(self) -> int:
        if not self._uid:
            self._uid = next(_uids)
        return self._uid

    def detach(self, sceneless: bool = True) -> "Tensor":
        """Cut from the graph and, if ``sceneless``, from the scene."""
        with _no_dispatch():
            out = torch.Tensor.detach(self).as_subclass(Tensor)
        out.scene = None if sceneless else self.scene
        return out

    def sceneless(self) -> "Tensor":
        """A copy that belongs to no scene, still in the graph of torch."""
        with _no_dispatch():
            return torch.Tensor.clone(self).as_subclass(Tensor)

    def zero_grad(self) -> None:
        """Set the gradient, if there is one, to zero."""
        grad = self.grad
        if grad is None:
            return
        if grad.grad_fn is not None:
            grad.detach_()
        else:
            grad.requires_grad_(False)
        grad.zero_()

    def assert_contiguous(self) -> None:
        """Raises: InputError unless the tensor is contiguous."""
        if not self.is_contiguous():
            raise InputError("Tensor not contiguous. Call .contiguous() first.")

    def assert_sceneless(self) -> None:
        """Raises: SceneMixError if the tensor belongs to a scene."""
        if self.scene is not None:
            raise SceneMixError("Tensor not sceneless. Call Tensor.sceneless() to take a tensor out of its scene.")

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]  # mypy loses the name of the keyword
        with _no_dispatch():
            told: Any = self.as_subclass(torch.Tensor).detach()
            text = told.__repr__(tensor_contents=tensor_contents)
        scene = "None" if self.scene is None else f"<{self.scene}>"
        return f"gs.{text[:-1]}, scene={scene}, requires_grad={self.requires_grad})"

    def __format__(self, spec: str) -> str:
        """Of a single number as that number, as plain torch has it; of others as text."""
        with _no_dispatch():
            return format(torch.Tensor.detach(self).item(), spec) if self.dim() == 0 else object.__format__(self, spec)

    def __float__(self) -> float:
        """Of what has a graph too: torch would warn, and name this file in place of the caller's."""
        with _no_dispatch():
            return float(torch.Tensor.detach(self))

    def __complex__(self) -> complex:
        """As `__float__`."""
        with _no_dispatch():
            return complex(torch.Tensor.detach(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> "Tensor":
        if not self.is_leaf:
            raise RuntimeError("Only leaf tensors can be deep-copied; call .detach() first.")
        if id(self) not in memo:
            memo[id(self)] = wrap(plain(self).detach().clone(), self.scene).requires_grad_(self.requires_grad)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickled as a plain tensor: a scene cannot be stored."""
        return plain(self).detach().requires_grad_(self.requires_grad).__reduce_ex__(protocol)


#: Indices whose results are new tensors, and whose types say so.
_PLACES = (int, slice)
#: What losses are made of most. Through `__torch_function__` each costs as much again as the operation and its node in the graph. Not
#: `__getitem__`: a class that defines it is a sequence to Python, and `torch.tensor([loss, loss])` then asks a single number for its length.
DIRECT = (
    *("__add__", "__radd__", "__sub__", "__mul__", "__rmul__", "__truediv__", "__neg__"),
    *("square", "sum", "mean", "abs", "sqrt", "exp"),
)


def _direct(name: str) -> Callable[..., Any]:
    """The operation of `torch.Tensor` on gs.Tensors of one scene and on what is no tensor; anything else takes the general way."""
    base = getattr(torch.Tensor, name)

    @functools.wraps(base)
    def operation(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        scene = self.scene
        parents: tuple[int, ...] = (self._uid or self.uid,)
        if kwargs:
            return base(self, *args, **kwargs)
        for arg in args:
            if type(arg) is Tensor and arg.scene is scene:
                parents = (*parents, arg._uid or arg.uid)
            elif isinstance(arg, torch.Tensor) or (
                (type(arg) is tuple or type(arg) is list) and any(isinstance(part, torch.Tensor | list) for part in arg)
            ):
                return base(self, *args)
        with _no_dispatch():
            out: Any = base(self, *args)
        if type(out) is not torch.Tensor:
            return _dress(out, scene, parents, args)
        out.__class__ = type(self)
        out.scene, out.parents = scene, parents  # type: ignore[attr-defined]
        return out

    return operation


for _name in DIRECT:
    setattr(Tensor, _name, _direct(_name))


def wrap(tensor: torch.Tensor, scene: object) -> Tensor:
    """The tensor (its graph kept) as a gs.Tensor of the scene."""
    out = tensor.as_subclass(Tensor)
    out.scene = scene
    return out


def plain(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor (its graph kept) as a plain torch tensor."""
    if type(tensor) is torch.Tensor:
        return tensor
    with _no_dispatch():
        return tensor.as_subclass(torch.Tensor)


def _common(scene: object, tensor: Tensor) -> object:
    if scene is None or tensor.scene is None or tensor.scene is scene:
        return tensor.scene if scene is None else scene
    raise SceneMixError(
        f"Tensors not derived from the same Scene object: {scene} vs {tensor.scene}. Consider calling `Tensor.sceneless()` "
        "to detach a tensor from its scene if gradient flow back to the scene is not needed."
    )


def adopt(tensor: torch.Tensor, scene: object) -> Tensor:
    """The plain tensor itself, which nobody else may hold, made a gs.Tensor of the scene: no node in the graph, as `wrap` has."""
    tensor.__class__ = Tensor
    tensor.scene = scene  # type: ignore[attr-defined]
    return tensor  # type: ignore[return-value]


def _dress(out: Any, scene: object, parents: tuple[int, ...], given: tuple[object, ...]) -> Any:
    """Tensors in the result of an operation as gs.Tensors of the scene; ``given``: its arguments if they stand by position."""
    kind = type(out)
    if kind is torch.Tensor:
        if given and not _among(out, given):
            out.__class__ = Tensor
        else:
            out = out.as_subclass(Tensor)
    elif kind is not Tensor:
        if (kind is tuple or kind is list or isinstance(out, tuple | list)) and kind is not torch.Size:
            return kind(_dress(part, scene, parents, given) for part in out)
        return out  # no tensor, or one of another subclass (a Parameter, say), which stays what it is
    if scene is not None:
        out.scene = scene
    out.parents = parents
    return out


def _among(tensor: torch.Tensor, given: tuple[object, ...]) -> bool:
    """Whether the tensor is one of the arguments, or in a list of theirs."""
    for arg in given:
        if arg is tensor:
            return True
        if (type(arg) is list or type(arg) is tuple) and any(part is tensor for part in arg):
            return True
    return False
