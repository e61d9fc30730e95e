"""Checkpoints of a run: read as plain data alone, compared with what a checkpoint holds, and gone on from."""

import warnings
from pathlib import Path
from typing import Any

import torch

from genesis.archives import expect_room
from genesis.errors import InputError
from genesis.runtime import free_memory

FORMAT = 4
CHECKPOINT = Path("checkpoints") / "last.pt"
ANEW = "start anew with --rerun"
#: What each entry is; a tensor of that type and number of axes.
SCHEMA: dict[str, Any] = {
    "format": int, "signature": dict, "shapes": list, "stages": list, "endings": dict, "number": int, "step": int, "iteration": int,
    "first": (float, int, type(None)), "point": (torch.float64, 1), "kinds": list, "course": list, "method": dict, "problem": dict,
    "standing": dict, "divergences": dict, "random": (torch.uint8, 1), "seconds": (float, int),
}  # fmt: skip
#: What a damaged state raises in whatever is made from it.
DAMAGES = (AttributeError, AssertionError, IndexError, KeyError, OverflowError, RuntimeError, TypeError, ValueError)


def load_checkpoint(folder: Path) -> dict[str, Any]:
    """What `Record.checkpoint` wrote: tensors and plain values, nothing that runs.

    Raises: InputError if there is none, or it cannot be read.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        raise InputError(f"{folder}: no checkpoint there ({CHECKPOINT} is missing); {ANEW}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about the pickles of others
            expect_room(path, free_memory(None))
            state: Any = torch.load(path, weights_only=True)
    except Exception as error:  # a damaged pickle raises almost anything
        raise InputError(
            f"{path}: cannot be read ({type(error).__name__}): cut off, or no checkpoint of a run; {ANEW}."
        ) from error
    if not isinstance(state, dict):
        raise InputError(f"{path}: holds a {type(state).__name__} and no checkpoint of a run; {ANEW}.")
    if not _whole(state):
        raise InputError(f"{path}: has a tensor of more numbers than are stored, so it was changed by hand; {ANEW}.")
    return state


def _whole(node: Any) -> bool:
    """Whether every number of every tensor in there is stored: one may stand for any number of them by its strides, and be copied as such."""
    if isinstance(node, torch.Tensor):
        return node.layout == torch.strided and node.numel() * node.element_size() <= node.untyped_storage().nbytes()
    parts = node.values() if isinstance(node, dict) else node if isinstance(node, list | tuple) else ()
    return all(_whole(part) for part in parts)


def expect_checkpoint(state: dict[str, Any]) -> None:
    """Raises: InputError for a state of another version, and for what is no state of a run."""
    version = state.get("format")
    if version != FORMAT and (isinstance(version, int) or "method" in state):
        other = "a later" if isinstance(version, int) and version > FORMAT else "an earlier"
        raise InputError(f"checkpoint: written by {other} version, whose checkpoints are not read; {ANEW}.")
    for name, kind in SCHEMA.items():
        if not _is(state.get(name), kind):
            what = "has no" if name not in state else f"has a {type(state[name]).__name__} as"
            raise InputError(f"checkpoint: {what} {name}: it is of something else, or was changed by hand; {ANEW}.")
    stages, point = state["stages"], state["point"]
    sound = all(isinstance(stage, list | tuple) and len(stage) == 4 for stage in stages) and 0 <= state["number"] < len(stages)
    if not sound or min(state["step"], state["iteration"]) < 0:
        raise InputError(
            f"checkpoint: is at stage {state['number']} of {len(stages)}, step {state['step']}, iteration {state['iteration']}, which no run "
            f"is; {ANEW}."
        )
    if not bool(torch.isfinite(point).all()):
        raise InputError(f"checkpoint: its point is not finite, so it was changed by hand; {ANEW}.")


def go_on(loop: Any, folder: Path) -> None:
    """Put the checkpoint in the folder of a run into its loop.

    Raises: InputError naming the file for one that is missing, damaged, or of another problem or method.
    """
    state, path = load_checkpoint(folder), folder / CHECKPOINT
    try:
        loop.load(state)
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix('checkpoint: ')}") from error
    except DAMAGES as error:
        why = (str(error).splitlines() or [""])[0]
        raise InputError(f"{path}: is damaged, or was changed by hand ({type(error).__name__}: {why}); {ANEW}.") from error


def _is(value: Any, kind: Any) -> bool:
    if isinstance(kind, tuple) and isinstance(kind[0], torch.dtype):
        return isinstance(value, torch.Tensor) and (value.dtype, value.dim()) == kind
    return isinstance(value, kind) and not isinstance(value, bool)
