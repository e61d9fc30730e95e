"""`genesis --help` is quick and loads no engine."""

import resource
import subprocess
import sys

LOADED = """
import sys
from genesis_cli import app
try:
    sys.argv = ["genesis", {args}]
    app.main()
except SystemExit as ended:
    code = ended.code
heavy = [m for m in ("torch", "taichi", "hydra", "omegaconf", "mujoco", "tensorboard", "scipy", "numpy") if m in sys.modules]
print("CODE", code, "HEAVY", heavy)
"""


def loaded(args: str) -> str:
    code = LOADED.format(args=args)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()[-1]


def test_help_loads_no_engine_and_no_hydra() -> None:
    assert loaded('"--help"') == "CODE 0 HEAVY []"
    assert loaded('"optimize", "--help"') == "CODE 0 HEAVY []"


def test_help_takes_less_than_half_a_second_of_cpu() -> None:
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "genesis_cli", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.5


def test_showing_a_config_loads_no_engine() -> None:
    assert loaded('"optimize", "--cfg", "job"') == "CODE 0 HEAVY ['hydra', 'omegaconf']"
