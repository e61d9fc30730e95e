"""The documented programs run as they are written."""

import os
import subprocess
import sys

import pytest

from tests.scene.conftest import REPOSITORY
from tests.shared import SHARED, needs_shared


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize("program", ["quickstart.py", "trajectory_optimization.py"])
def test_documented_program(program):
    folder = SHARED / "acceptance"
    done = subprocess.run(
        [sys.executable, program], cwd=folder, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
