"""Candidates as environments of one simulation: the numbers of separate runs, and what cannot share one."""

import json
from pathlib import Path

import numpy as np
import pytest

from genesis.losses import LOSSES
from genesis.losses.control_effort import ControlEffort
from tests.cli.conftest import genesis_here  # noqa: F401 - a fixture
from tests.cli.sweeps.conftest import newest, rows, statuses

QUIET = ("logging=quiet",)


def both(genesis_here, tmp_path, *words: str) -> tuple[Path, Path]:  # noqa: F811
    """Folders of the same sweep run one by one and together."""
    folders = []
    for launcher in ("basic", "batched"):
        genesis_here("optimize", "-m", *words, f"launcher={launcher}", *QUIET)
        folders.append(newest(tmp_path))
    return folders[0], folders[1]


def worst(one: Path, two: Path) -> float:
    """Largest relative difference between the objectives of all iterations and the arrays of all solutions."""
    found = [0.0]
    for folder in sorted(one.glob("*/metrics.jsonl")):
        series = [
            np.array([json.loads(line)["objective"] for line in file.read_text().splitlines()])
            for file in (folder, two / folder.parent.name / "metrics.jsonl")
        ]
        found.append(float(np.max(np.abs(series[0] - series[1]) / np.abs(series[0]))))
        with np.load(folder.parent / "solution.npz") as a, np.load(two / folder.parent.name / "solution.npz") as b:
            alike, others = (
                [name for name in x.files if not name.startswith("growth/")] for x in (a, b)
            )  # told of single jobs alone
            assert set(alike) == set(others)
            numbers = [name for name in alike if a[name].size and a[name].dtype.kind == "f" and not name.startswith("limits/")]
            assert all(np.array_equal(a[name], b[name]) for name in set(alike) - set(numbers))
            found += [float(np.abs(a[name] - b[name]).max() / max(np.abs(a[name]).max(), 1.0)) for name in numbers]
    return max(found)


def test_rates_gravity_and_a_candidate_that_diverges(genesis_here, tmp_path) -> None:  # noqa: F811
    one, two = both(
        genesis_here, tmp_path, "task=throw", "optimizer=adam", "optimizer.lr=0.5,1e308,2", "scene.gravity=[0,0,-9.81],[0,0,-3.7]",
        "stop.iterations=12",
    )  # fmt: skip
    assert statuses(one) == statuses(two) == ["not_converged"] * 2 + ["diverged"] * 2 + ["not_converged"] * 2
    drop = ("seconds",)
    assert [{k: v for k, v in row.items() if k not in drop} for row in rows(one)] == [
        {k: v for k, v in row.items() if k not in drop} for row in rows(two)
    ]
    assert worst(one, two) < 1e-13
    assert (two / "5" / "config.yaml").read_text() == (one / "5" / "config.yaml").read_text()


def test_line_searches_and_seeds(genesis_here, tmp_path) -> None:  # noqa: F811
    """Each candidate searches on its own and needs another number of evaluations."""
    one, two = both(
        genesis_here, tmp_path, "task=swing_up", "optimizer=lbfgs", "task.horizon=20", "parameter.controls.every=4",
        "parameter.controls.noise=0.1", "runtime.seed=0,1,2", "stop.iterations=5",
    )  # fmt: skip
    evaluations = [
        [json.loads((folder / str(n) / "result.json").read_text())["evaluations"] for n in range(3)] for folder in (one, two)
    ]
    assert evaluations[0] == evaluations[1] and len(set(evaluations[0])) > 1 and worst(one, two) < 1e-9


def test_policies_physical_parameters_and_targets(genesis_here, tmp_path) -> None:  # noqa: F811
    words = ("task=balance", "task.horizon=6", "task.envs=2", "optimizer.lr=0.02,0.05", "runtime.seed=0,1", "stop.iterations=2")
    assert worst(*both(genesis_here, tmp_path, *words)) < 1e-12
    words = ("task=fit", "task.horizon=20", "optimizer=adam", "parameter.mass.init=0.05,0.3", "task.truth.damping=0.002,0.004")
    assert worst(*both(genesis_here, tmp_path, *words, "stop.iterations=3")) < 1e-12


def test_scenes_that_differ_in_what_a_parameter_changes_a_part_of(genesis_here, tmp_path) -> None:  # noqa: F811
    """Gravity along x is learned, that along z is another one in each scene; a prior is a term of each candidate's own."""
    words = (
        "task=fit", "task.horizon=20", "optimizer=adam", "scene.gravity=[0,0,-9.81],[0,0,-3.7]", "stop.iterations=3",
        "+parameter.g={kind: gravity, columns: [0], init: 0.2}", "+task.truth.g=0.5", "+parameter.mass.prior=[0.3,0.05]",
    )  # fmt: skip
    one, two = both(genesis_here, tmp_path, *words)
    assert worst(one, two) < 1e-12

    def priors(folder: Path) -> list[float]:
        return [json.loads(line)["terms"]["prior"] for line in (folder / "1" / "metrics.jsonl").read_text().splitlines()]

    assert priors(one) == pytest.approx(priors(two), rel=1e-12) and priors(one)[0] == pytest.approx(0.5 * 2.0**2)


def test_every_kind_of_loss_on_one_trajectory(genesis_here, tmp_path) -> None:  # noqa: F811
    """Those that need no further options; a kind that a batch cannot compute ends in other numbers, or not at all."""
    kinds = [k for k in LOSSES if k not in ("user", "information", "position", "orientation", "terminal_state")]
    assert "force_limits" in kinds and "velocity_limits" in kinds
    words = ("task=reach", "task.horizon=20", "optimizer=adam", "optimizer.lr=0.1,0.3", "stop.iterations=3")
    assert worst(*both(genesis_here, tmp_path, *words, *(f"+loss.all_{kind}.kind={kind}" for kind in kinds))) < 1e-12


def test_a_loss_that_breaks_in_a_batch_fails_its_own_candidate(genesis_here, tmp_path, monkeypatch) -> None:  # noqa: F811
    """One that nobody foresaw: all are evaluated one by one then, and nobody waits for a lock of its own process."""
    whole = ControlEffort.__call__

    def broken(self, trajectory):
        if bool((self.scale == 0.125).all()):
            raise ZeroDivisionError("a bug")
        return whole(self, trajectory)

    monkeypatch.setattr(ControlEffort, "__call__", broken)
    words = (
        "task=reach",
        "task.horizon=20",
        "optimizer=adam",
        "stop.iterations=2",
        "+loss.extra={kind: control_effort, scale: 1}",
    )
    genesis_here("optimize", "-m", *words, "loss.extra.scale=1,0.125,2", "launcher=batched", *QUIET)
    assert statuses(newest(tmp_path)) == ["not_converged", "failed", "not_converged"]


def test_an_interrupted_sweep_goes_on_bit_by_bit(genesis_here, tmp_path) -> None:  # noqa: F811
    """A loss of the user's asks for the stop in the fourth evaluation of the first job."""
    (tmp_path / "stopper.py").write_text(
        "from pathlib import Path\ncalls = 0\n"
        "def f(trajectory, scene):\n"
        "    global calls\n    calls += 1\n"
        "    if calls == 4 and not Path('once').exists():\n"
        "        Path('once').touch()\n"
        "        next(Path('outputs/multirun').glob('*/*/sweep.json')).with_name('.stop').touch()\n"
        "    return trajectory.qpos[-1].sum() * 0\n"
    )
    words = (
        "task=throw",
        "optimizer=adam",
        "optimizer.lr=0.5,2",
        "stop.iterations=9",
        "+loss.s={kind: user, function: stopper.f}",
    )
    code, printed = genesis_here("optimize", "-m", *words, *QUIET)
    part = newest(tmp_path)
    assert code == 1 and statuses(part) == ["interrupted", "missing"] and f"genesis sweep resume {part}" in printed
    assert genesis_here("sweep", "resume", str(part))[0] == 1 and statuses(part) == ["not_converged"] * 2
    genesis_here("optimize", "-m", *words, *QUIET)
    whole = newest(tmp_path)
    assert whole != part and worst(part, whole) == 0.0
    code, printed = genesis_here("sweep", "table", str(part), "--sort", "miss_mm", "--descending", "--top", "1")
    assert code == 0 and printed.splitlines()[1].split()[0] == "0" and "and 1 more in" in printed
    code, printed = genesis_here("sweep", "best", str(part))
    assert code == 0 and "best: job 1" in printed and printed.rstrip().endswith(str(part / "1"))
    code, printed = genesis_here("show", "diff", str(part / "0"), str(part / "1"))
    assert code == 0 and "optimizer.lr" in printed and "stop.iterations" not in printed and "metrics.miss_mm" in printed
    assert genesis_here("show", "diff", str(part), str(part / "1"))[0] == 2
    assert genesis_here("sweep", "best", str(part / "1"))[0] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("task.horizon=10,20",), "task.horizon: 10 and 20, but it is shared by all environments of launcher=batched"),
        (("scene.dt=0.01,0.02",), "scene.dt: 0.01 and 0.02, but it is shared"),
        (("optimizer=adam,sgd",), "optimizers: jobs of one batch differ only in numbers"),
        (("runtime.precision=32,64",), "runtime.precision: 32 and 64, but it is shared"),
    ],
)
def test_what_cannot_share_a_simulation_is_refused_by_name(genesis_here, tmp_path, words, message) -> None:  # noqa: F811
    code, printed = genesis_here("optimize", "-m", "task=throw", "launcher=batched", *words, *QUIET)
    assert code == 2 and message in printed and "launcher=joblib" in printed
