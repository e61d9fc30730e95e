"""Runs read back: shapes, names, units, feedback, and what is no run."""

import subprocess
import sys

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.runners.stored import MEANING, read_solution
from tests.runners.stored_runs import DT, motion, write_run


def test_a_solution_says_what_its_numbers_are(tmp_path) -> None:
    arrays = motion(envs=2, control="velocity")
    found = read_solution(write_run(tmp_path / "run", arrays))
    assert found.dt == pytest.approx(DT) and found.envs == 2 and found.control_kind == "velocity"
    assert (found.status, found.objective, found.metrics) == ("converged", 0.25, {"miss_mm": 1.0})
    assert np.array_equal(found.qpos, arrays["qpos"]) and np.array_equal(found.parameters["mass"], [1.5])
    assert found.qpos_names == [*(f"base.{k}" for k in range(7)), *(f"shoulder.{k}" for k in range(4)), "elbow", "rail"]
    assert found.qpos_units == ["m"] * 3 + ["1"] * 8 + ["rad", "m"]
    assert found.qvel_names == [*(f"base.{k}" for k in range(6)), *(f"shoulder.{k}" for k in range(3)), "elbow", "rail"]
    assert found.qvel_units == found.control_units == ["m/s"] * 3 + ["rad/s"] * 7 + ["m/s"]
    assert len(found.qpos_names) == found.qpos.shape[-1] and len(found.qvel_names) == found.qvel.shape[-1]
    assert found.feedback is None and found.policies == []
    with pytest.raises(InputError, match="learned no policy; it has mass"):
        found.policy()


def test_units_of_controls_follow_their_kind(tmp_path) -> None:
    units = {}
    for kind in ("force", "position"):
        units[kind] = read_solution(write_run(tmp_path / kind, motion(control=kind))).control_units
    assert units["force"] == ["N"] * 3 + ["Nm"] * 7 + ["N"] and units["position"] == ["m"] * 3 + ["rad"] * 7 + ["m"]


def test_feedback_is_read(tmp_path) -> None:
    arrays = motion()
    back = {
        "qpos": arrays["qpos"],
        "qvel": arrays["qvel"],
        "dof_ctrl": arrays["controls"],
        "gains": np.ones((5, 1, 22)),
        "dofs": np.array([9]),
    }
    found = read_solution(write_run(tmp_path / "run", arrays | {f"feedback/{name}": value for name, value in back.items()}))
    assert found.envs is None and found.feedback is not None
    assert np.array_equal(found.feedback.gains, back["gains"]) and found.feedback.dofs.tolist() == [9]


def test_files_of_earlier_versions_ask_for_the_meaning(tmp_path) -> None:
    arrays = motion()
    folder = write_run(tmp_path / "run", {name: value for name, value in arrays.items() if name not in MEANING})
    with pytest.raises(InputError, match="earlier version"):
        read_solution(folder)
    assert read_solution(folder, lambda: {name: arrays[name] for name in MEANING}).joint_names[2] == "elbow"


def test_what_is_no_run_is_named(tmp_path) -> None:
    with pytest.raises(InputError, match="no stored run there"):
        read_solution(tmp_path)
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(InputError, match=r"no solution\.npz and no trajectory\.npz"):
        read_solution(tmp_path)
    np.savez(tmp_path / "solution.npz", estimate=np.zeros(3))
    with pytest.raises(InputError, match="holds no trajectory"):
        read_solution(tmp_path)
    (tmp_path / "solution.npz").write_bytes(b"PK broken")
    with pytest.raises(InputError, match="cannot be read as arrays"):
        read_solution(tmp_path)


def test_a_solution_needs_no_engine(tmp_path) -> None:
    folder = write_run(tmp_path / "run", motion())
    code = "import sys, genesis as gs; s = gs.load_solution(sys.argv[1]); print(s.qpos.shape, {'torch', 'taichi', 'hydra'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(6, 13) set()"
