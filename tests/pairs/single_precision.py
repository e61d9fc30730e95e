"""Run by test_poses.py in its own process: depths of aligned poses in single precision, and of the same turned, written to a file."""

import sys

import numpy as np

from genesis import runtime


def main(path: str) -> None:
    runtime.init(precision="32", logging_level="error")
    from tests.pairs.test_poses import SINGLE, depths

    np.savez(path, **{str(k): depths(code) for k, code in enumerate(SINGLE)})


if __name__ == "__main__":
    main(sys.argv[1])
