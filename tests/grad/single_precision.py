"""Run by test_physics_float32.py in its own process: states and gradients in single precision, written to a file."""

import sys

import numpy as np
import torch

from genesis import runtime


def main(path: str) -> None:
    runtime.init(precision="32", logging_level="error")
    torch.set_default_dtype(torch.float32)
    from genesis.grad.riccati import riccati
    from tests.grad.test_physics_float32 import BATCHES, NAMES, results
    from tests.grad.test_riccati import problem

    found = {"riccati": riccati(problem(5, 3, bound=0.6), 0.1).vxx}
    for name in NAMES:
        for batch in BATCHES:
            found |= {f"{name} {batch} {key}": x for key, x in results(name, batch, torch.float32).items()}
    np.savez(path, **found)


if __name__ == "__main__":
    main(sys.argv[1])
