"""Run by test_float32.py in its own process: rollouts and gradients with constraints in single precision, written to a file."""

import sys

import numpy as np
import torch

from genesis import runtime


def main(path: str) -> None:
    runtime.init(precision="32", logging_level="error")
    torch.set_default_dtype(torch.float32)
    from tests.dynamics.constraints.test_float32 import NAMES, results

    found = {}
    for name in NAMES:
        found |= {f"{name} {key}": x for key, x in results(name, torch.float32).items()}
    np.savez(path, **found)


if __name__ == "__main__":
    main(sys.argv[1])
