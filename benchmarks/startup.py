"""How long until the first iteration: `genesis --help`, and `genesis optimize` on a cold and on a warm kernel cache?

    python benchmarks/startup.py

CPU time of the child process. The cold run uses an empty home for Taichi's cache.
"""

import os
import re
import resource
import subprocess
import sys
import tempfile

from measure import machine, table


def run(arguments: list[str], environment: dict[str, str], folder: str) -> tuple[float, str]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "genesis_cli", *arguments], env=environment, cwd=folder, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout + done.stderr


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "TI_OFFLINE_CACHE_FILE_PATH": os.path.join(folder, "kernels")}
        rows.append(["genesis --help", f"{min(run(['--help'], environment, folder)[0] for _ in range(3)):.2f}", "0.5"])
        once = ["optimize", "stop.iterations=1"]
        for label, goal in (("genesis optimize, one iteration, cold", "20"), ("the same, warm", "6")):
            seconds, text = run(once, environment, folder)
            rows.append([label, f"{seconds:.1f}", goal])
            if not re.search("iteration", text):
                print(text)
    print(f"{machine()}\n\n{table(['', 'CPU s', 'goal'], rows)}")


if __name__ == "__main__":
    main()
