"""How long until the first iteration: `genesis --help`, and `genesis optimize` on a cold and on a warm kernel cache?

    python benchmarks/startup.py

CPU time of the child process, the least over repeats; of `genesis optimize` also the CPU time at which it prints its first iteration. The
cold run uses an empty home for Taichi's cache.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import machine, table

REPEATS = 3
FIRST = b"0/1 "  # how the line of the first iteration begins


def cpu_now(process: int) -> float:
    """CPU seconds that a running process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(arguments: list[str], environment: dict[str, str], folder: str) -> tuple[float, float]:
    """CPU seconds of the whole process, and at its first iteration (NaN if it has none)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "genesis_cli", *arguments]
    first, said = float("nan"), b""
    with subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        for line in child.stdout:
            said += line
            if line.startswith(FIRST):
                first = cpu_now(child.pid)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode not in (0, 1):
        raise SystemExit(said.decode())
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, first


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TI_OFFLINE_CACHE_FILE_PATH": os.path.join(folder, "kernels")}
        rows.append(["genesis --help", f"{min(run(['--help'], environment, folder)[0] for _ in range(REPEATS)):.2f}", "-", "0.5"])
        once = ["optimize", "stop.iterations=1"]
        for label, goal, repeats in (("genesis optimize, one iteration, cold", "20", 1), ("the same, warm", "6", REPEATS)):
            whole, first = (min(x) for x in zip(*(run(once, environment, folder) for _ in range(repeats)), strict=True))
            rows.append([label, f"{whole:.1f}", f"{first:.1f}", goal])
    print(f"{machine()}\n\n{table(['', 'whole process, CPU s', 'to the first iteration, CPU s', 'goal'], rows)}")


if __name__ == "__main__":
    main()
