"""A policy as ONNX, written operator by operator: the network is small, and its operators are those that onnxruntime has in double precision.

Source: ONNX operator specification, opset 17; the equations are those of `genesis.parameters.bounds` and torch's activations.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.runners.actor_module import ActorModule
from genesis.runners.export.format import Exported, Format, compared
from genesis.runners.files import write_bytes, write_json
from genesis.runners.policy_module import PolicyModule, recorded
from genesis.runners.stored import Solution

OPSET, IR = 17, 8


def write(solution: Solution, target: Path, task: Callable[[], Any] | None) -> Exported:
    """Build the graph with the specification as metadata, run it in onnxruntime and compare it with the run.

    Raises: InputError without the packages onnx and onnxruntime.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise InputError(f'onnx needs an extra ({error.name} is missing): pip install "genesis-optimize[export]".') from error
    module = solution.policy()
    seen, acted = recorded(solution, module.spec["policy"])
    model = onnx.helper.make_model(
        graph_of(module), opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="genesis-optimize"
    )
    onnx.helper.set_model_props(model, {name: _text(value) for name, value in module.spec.items()})
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    given = {"observation": seen.astype(module.spec["dtype"])}
    said = compared(target, np.concatenate(session.run(list(module.outputs), given), 1), acted, "onnxruntime")
    beside = target.with_name(f"{target.name}.json")
    write_bytes(target, content)
    write_json(beside, module.spec)
    return Exported([target, beside], [said])


def graph_of(module: PolicyModule | ActorModule) -> Any:
    """The graph observation (N, n) -> action (N, m) of a module, of one of episodes also -> control (N, m)."""
    from onnx import helper

    g = _Graph(np.dtype(module.spec["dtype"]))
    made = _actor(g, module) if isinstance(module, ActorModule) else [_policy(g, module)]
    g.nodes += [helper.make_node("Identity", [one], [name]) for one, name in zip(made, module.outputs, strict=True)]
    spec, kind = module.spec, helper.np_dtype_to_tensor_dtype(g.dtype)
    sizes = {"observation": len(spec["observation"]), **dict.fromkeys(module.outputs, len(spec["action"]))}
    ends = [helper.make_tensor_value_info(name, kind, ["N", size]) for name, size in sizes.items()]
    return helper.make_graph(g.nodes, f"policy_{spec['policy']}", ends[:1], ends[1:], initializer=g.initializers)


def _policy(g: "_Graph", module: PolicyModule) -> str:
    """Bounded controls of measured positions and velocities."""
    arrays = {name: buffer.numpy() for name, buffer in module.named_buffers()}
    plain, angles, velocities = (
        g.add("Gather", "observation", g.places(arrays[k]), axis=1) for k in ("plain", "angles", "velocities")
    )
    sine = g.add("Sin", angles)
    cosine = g.add("Sin", g.add("Add", angles, g.constant(np.pi / 2)))  # onnxruntime has no Cos in double
    x = g.add("Concat", plain, sine, cosine, velocities, axis=1)
    x = _network(g, module, x)
    action = g.add("Add", g.add("MatMul", x, g.constant(arrays["scale"])), g.constant(arrays["base"]))
    if module.bounds is not None:
        low, high = module.bounds.low.numpy(), module.bounds.high.numpy()
        action = _smooth(g, action, low, high) if module.bounds.smooth else _clamp(g, action, low, high)
    return action


def _actor(g: "_Graph", module: ActorModule) -> list[str]:
    """Actions and controls of observations."""
    arrays = {name: g.constant(buffer.numpy()) for name, buffer in module.named_buffers()}
    x = g.add("Mul", g.add("Sub", "observation", arrays["mean"]), arrays["inverse"])
    action = g.add("Tanh", _network(g, module, x))
    return [action, g.add("Add", arrays["middle"], g.add("Mul", arrays["scale"], action))]


def _network(g: "_Graph", module: PolicyModule | ActorModule, x: str) -> str:
    """The dense layers, with the activation between them."""
    leaves = [leaf.detach().numpy() for leaf in module.leaves]
    for k in range(0, len(leaves), 2):
        x = _activation(g, module.activation, x) if k else x
        x = g.add("Gemm", x, g.constant(leaves[k]), g.constant(leaves[k + 1]), transB=1)
    return x


class _Graph:
    """Nodes and constants of one graph."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """One node; returns the name of its output."""
        from onnx import helper

        name = f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, value: Any) -> str:
        """Numbers in the precision of the graph."""
        return self._keep(np.asarray(value, self.dtype))

    def places(self, value: np.ndarray) -> str:
        """Indices."""
        return self._keep(np.asarray(value, np.int64))

    def mask(self, value: np.ndarray) -> str:
        """Truth values."""
        return self._keep(np.asarray(value, bool))

    def _keep(self, value: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def _activation(g: _Graph, name: str, x: str) -> str:
    """tanh, relu, silu x σ(x), elu (x, or eˣ - 1 below 0), gelu x (1 + erf(x / √2)) / 2."""
    if name in ("tanh", "relu"):
        return g.add(name.capitalize(), x)
    one = g.constant(1.0)
    if name == "silu":
        return g.add("Mul", x, g.add("Div", one, g.add("Add", one, g.add("Exp", g.add("Neg", x)))))
    if name == "elu":
        below = g.add("Sub", g.add("Exp", g.add("Min", x, g.constant(0.0))), one)
        return g.add("Add", g.add("Relu", x), below)
    if name == "gelu":
        error = _erf(g, g.add("Mul", x, g.constant(np.sqrt(0.5))))
        return g.add("Mul", g.add("Mul", x, g.constant(0.5)), g.add("Add", one, error))
    raise InputError(f"onnx: no graph is written for the activation {name}; export it as torchscript.")


def _erf(g: _Graph, x: str) -> str:
    """erf x = (2 x / √π) ∫₀¹ exp(-x² t²) dt, by Gauss-Legendre in double, in which onnxruntime has no Erf; it is 1 beyond 6."""
    if g.dtype != np.float64:
        return g.add("Erf", x)
    nodes, weights = np.polynomial.legendre.leggauss(48)
    t = 0.5 * (nodes + 1.0)
    x = g.add("Min", g.add("Max", x, g.constant(-6.0)), g.constant(6.0))
    column = g.add("Unsqueeze", x, g.places(np.array([-1])))
    values = g.add("Exp", g.add("Mul", g.add("Mul", column, column), g.constant(-(t**2))))
    integral = g.add("MatMul", values, g.constant(weights / np.sqrt(np.pi)))
    return g.add("Mul", x, integral)


def _softplus(g: _Graph, x: str) -> str:
    """log(1 + eˣ) = max(x, 0) + log(1 + e^-|x|)."""
    small = g.add("Log", g.add("Add", g.constant(1.0), g.add("Exp", g.add("Neg", g.add("Abs", x)))))
    return g.add("Add", g.add("Relu", x), small)


def _smooth(g: _Graph, x: str, low: np.ndarray, high: np.ndarray) -> str:
    """As `Bounds.apply`: tanh between two sides, softplus from one."""
    has_low, has_high = np.isfinite(low), np.isfinite(high)
    both = has_low & has_high
    middle, half = (np.where(both, f, d) for f, d in ((0.5 * (low + high), 0.0), (0.5 * (high - low), 1.0)))
    away = g.add("Div", g.add("Sub", x, g.constant(middle)), g.constant(half))
    inside = g.add("Add", g.constant(middle), g.add("Mul", g.constant(half), g.add("Tanh", away)))
    if both.all():
        return inside
    l, h = (g.constant(np.where(there, side, 0.0)) for there, side in ((has_low, low), (has_high, high)))
    value = g.add("Where", g.mask(both), inside, x)
    above = g.add("Add", l, _softplus(g, g.add("Sub", x, l)))
    value = g.add("Where", g.mask(has_low & ~has_high), above, value)
    below = g.add("Sub", h, _softplus(g, g.add("Sub", h, x)))
    return g.add("Where", g.mask(has_high & ~has_low), below, value)


def _clamp(g: _Graph, x: str, low: np.ndarray, high: np.ndarray) -> str:
    return g.add("Min", g.add("Max", x, g.constant(low)), g.constant(high))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


FORMAT = Format("onnx", "policy.onnx", False, write)
