"""Policies as TorchScript and ONNX: every activation and kind of bounds, in both precisions, against the policy itself."""

import json
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.networks import ACTIVATIONS, Network
from genesis.parameters.bounds import Bounds
from genesis.parameters.policy import Policy
from genesis.runners.export import export
from genesis.runners.export.format import CheckError
from genesis.runners.policy_module import recorded
from genesis.runners.stored import Solution, read_solution
from tests.runners.stored_runs import motion, write_run

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
BOUNDS = {
    "none": (([-np.inf] * 3, [np.inf] * 3), False),
    "clamp": (([-0.2, -np.inf, 0.0], [0.3, 0.1, np.inf]), False),
    "smooth": (([-0.2, -1.0, -5.0], [0.3, 1.0, 2.0]), True),
    "one side": (([-0.2, -np.inf, 0.0], [0.3, 0.1, np.inf]), True),
}


def policy_of(activation: str, bounds: str, dtype: torch.dtype) -> Policy:
    """A policy without a scene: it observes slide, hinge (as sine and cosine) and some velocities of the stored arm, and drives three."""
    generator = torch.Generator().manual_seed(3)
    made: Any = Policy.__new__(Policy)
    made.activation, made.dofs, made.nv = activation, [10, 2, 9], 11
    made.plain, made.angles, made.velocities = torch.tensor([12, 0, 3]), torch.tensor([11]), torch.tensor([0, 9, 10])
    made.columns = torch.tensor(made.dofs)
    made.base, made.unit = torch.tensor([0.1, -0.2, 0.3], dtype=dtype), torch.rand(3, 3, generator=generator).to(dtype)
    sides, smooth = BOUNDS[bounds]
    low, high = (torch.tensor(side, dtype=dtype) for side in sides)
    made.limits = None if bounds == "none" else Bounds(low, high, smooth)
    sizes = [(6, 8), (8, 4), (4, 3)]
    made.weights = [
        torch.randn(*shape, generator=generator).to(dtype) for n, m in sizes for shape in ((m, n + 2 * (n == 6)), (m,))
    ]
    return made


def run_of(tmp_path, policy: Policy, dtype: torch.dtype) -> Solution:
    """A run of two environments whose controls are those of the policy."""
    arrays = motion(envs=2)
    kind = torch.empty((), dtype=dtype).numpy().dtype
    q, v = (torch.from_numpy(arrays[name].astype(kind)) for name in ("qpos", "qvel"))
    act = partial(policy._act, Network(policy.weights, policy.activation))
    arrays |= {
        "qpos": q.numpy(),
        "qvel": v.numpy(),
        "controls": torch.stack([act(q[t], v[t]) for t in range(len(q) - 1)]).numpy(),
    }
    arrays |= {f"policy/pi/{name}": value for name, value in policy.constants().items()}
    arrays |= {f"leaf/pi/{k}": leaf.numpy() for k, leaf in enumerate(policy.weights)}
    return read_solution(write_run(tmp_path / "run", arrays))


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_exported_files_act_as_the_policy(tmp_path, activation: str, bounds: str) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra [export]")
    run = run_of(tmp_path, policy_of(activation, bounds, torch.float64), torch.float64)
    seen, acted = recorded(run, "pi")
    assert seen.shape == (10, 7) and acted.shape == (10, 3) and np.abs(acted).max() > 0.1
    written = export(run, "onnx")
    session = runtime.InferenceSession(str(written.files[0]))
    np.testing.assert_allclose(session.run(["action"], {"observation": seen[:3]})[0], acted[:3], rtol=0, atol=1e-12)
    stored = session.get_modelmeta().custom_metadata_map
    assert json.loads(stored["observation"]) == run.policy().spec["observation"] and stored["bounds_kept"] in (
        "none",
        "clamp",
        "smooth",
    )
    written = export(run, "torchscript")
    extra = {"spec.json": ""}
    loaded = torch.jit.load(str(written.files[0]), _extra_files=extra)
    np.testing.assert_allclose(loaded(torch.from_numpy(seen[:1])).numpy(), acted[:1], rtol=0, atol=1e-12)
    assert json.loads(extra["spec.json"]) == run.policy().spec == json.loads(written.files[1].read_text())


def test_single_precision_stays_single(tmp_path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra [export]")
    run = run_of(tmp_path, policy_of("tanh", "one side", torch.float32), torch.float32)
    session = runtime.InferenceSession(str(export(run, "onnx").files[0]))
    assert session.get_inputs()[0].type == "tensor(float)" and run.policy().spec["dtype"] == "float32"
    seen, acted = recorded(run, "pi")
    np.testing.assert_allclose(session.run(None, {"observation": seen})[0], acted, rtol=0, atol=1e-6)


def test_the_specification_says_order_units_and_bounds(tmp_path) -> None:
    spec = run_of(tmp_path, policy_of("relu", "clamp", torch.float64), torch.float64).policy().spec
    seen = [(one["name"], one["quantity"], one["unit"], one["enters_as"]) for one in spec["observation"]]
    assert seen == [
        ("base.0", "position", "m", "itself"), ("base.3", "position", "1", "itself"), ("elbow", "position", "rad", "sin, cos"),
        ("rail", "position", "m", "itself"), ("base.0", "velocity", "m/s", "itself"), ("elbow", "velocity", "rad/s", "itself"),
        ("rail", "velocity", "m/s", "itself"),
    ]  # fmt: skip
    assert [(one["name"], one["quantity"], one["unit"], one["low"], one["high"]) for one in spec["action"]] == [
        ("rail", "force", "N", -0.2, 0.3), ("base.2", "force", "N", None, 0.1), ("elbow", "force", "Nm", 0.0, None),
    ]  # fmt: skip
    assert spec["dt"] == pytest.approx(0.02) and spec["bounds_kept"] == "clamp"


def test_a_policy_that_is_not_what_acted_is_no_export(tmp_path) -> None:
    """As where another parameter controls the same joints: an error, and no file."""
    run = run_of(tmp_path, policy_of("tanh", "none", torch.float64), torch.float64)
    run.controls[2, 1, 9] += 1e-4
    with pytest.raises(CheckError, match="differ by up to 0.0001 from those of the run"):
        export(run, "torchscript")
    assert not (run.folder / "export" / "policy.pt").exists()
    run.controls[2, 1, 9] = np.nan  # an environment that diverged says nothing
    export(run, "torchscript")


def test_onnx_without_its_package_names_the_extra(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    run = run_of(tmp_path, policy_of("tanh", "none", torch.float64), torch.float64)
    with pytest.raises(InputError, match=r'pip install "genesis-optimize\[export\]"'):
        export(run, "onnx")


def test_several_policies_ask_which(tmp_path) -> None:
    run = run_of(tmp_path, policy_of("tanh", "none", torch.float64), torch.float64)
    run.arrays.update({name.replace("pi", "rho"): value for name, value in run.arrays.items() if "/pi/" in name})
    with pytest.raises(InputError, match="several policies; give one of pi, rho"):
        run.policy()
    assert run.policy("rho").spec["policy"] == "rho"
    with pytest.raises(InputError, match='unknown policy "sigma"'):
        run.policy("sigma")
