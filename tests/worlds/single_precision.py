"""Run by test_worlds.py in its own process: worlds in single precision, their figures written to a file."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.worlds.examine import examine, start

if __name__ == "__main__":
    start("32")
    Path(sys.argv[1]).write_text(json.dumps([asdict(examine(int(seed), "32")) for seed in sys.argv[2:]]))
