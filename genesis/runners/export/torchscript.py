"""A policy as TorchScript: one file that torch runs from Python or C++, with what it observes and gives inside."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from genesis.runners.export.format import Exported, Format, compared
from genesis.runners.files import write_bytes, write_json
from genesis.runners.policy_module import recorded
from genesis.runners.stored import Solution

SPEC = "spec.json"  # the extra file inside


def write(solution: Solution, target: Path, task: Callable[[], Any] | None) -> Exported:
    """Trace the policy, save it with its specification inside and beside, load it again and compare it with the run."""
    module = solution.policy()
    seen, acted = recorded(solution, module.spec["policy"])
    example = torch.from_numpy(seen[:2]).to(module.dtype)
    beside = target.with_name(f"{target.name}.json")
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript itself, which was asked for
            traced = torch.jit.trace(module.eval(), (example,), check_trace=False)
            torch.jit.save(traced, str(temporary), _extra_files={SPEC: json.dumps(module.spec, indent=2)})
            given = torch.jit.load(str(temporary))(torch.from_numpy(seen).to(module.dtype))
            found = torch.cat(given, 1).double().numpy() if isinstance(given, tuple) else given.double().numpy()
        said = compared(target, found, acted, "torch.jit")
        write_bytes(target, temporary.read_bytes())
    except RuntimeError as error:  # torch's word for a file that cannot be opened
        if temporary.parent.is_dir() and temporary.exists():
            raise
        raise OSError(f"torch cannot write there: {str(error).splitlines()[0]}") from error
    finally:
        temporary.unlink(missing_ok=True)
    write_json(beside, module.spec)
    return Exported([target, beside], [said])


FORMAT = Format("torchscript", "policy.pt", False, write)
