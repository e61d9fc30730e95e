"""The backward sweep of differential dynamic programming with bounds on the controls.

    V_x⁺ = v' + V' d,   Q_x = l_x + Aᵀ V_x⁺,   Q_u = l_u + Bᵀ V_x⁺
    Q_xx = l_xx + Aᵀ V' A,   Q_ux = l_ux + Bᵀ V' A,   Q_uu = l_uu + Bᵀ V' B + ρ 1
    k = argmin ½ kᵀ Q_uu k + Q_uᵀ k within low ≤ k ≤ high;  K = −Q_uu⁻¹ Q_ux, rows of k at a bound zero
    v = Q_x + Kᵀ Q_uu⁰ k + Kᵀ Q_u + Q_uxᵀ k,   V = Q_xx + Kᵀ Q_uu⁰ K + Kᵀ Q_ux + Q_uxᵀ K            (Q_uu⁰: without ρ)

The matrices lxx, luu are symmetric. One kernel (`genesis.dynamics.riccati`), float64 in every precision. Against LAPACK and BLAS called step
by step from numpy, and against torch, in µs a step of one run: n, m = 4, 2: 0.7, 24, 93; 12, 3: 2.6, 26, 97; 14, 7: 4.2, 28, 101;
36, 12: 29, 45, 119.
Source: Tassa, Mansard, Todorov, Control-limited differential dynamic programming, ICRA 2014 (bounds, regularised value);
Mastalli et al., ICRA 2020 (gaps d).
"""

from functools import lru_cache

import taichi as ti
import torch

from genesis import runtime
from genesis.dynamics.launch import LANES, Launcher
from genesis.dynamics.riccati import CURVE, FAILED, LARGEST, RHO, SLOPE, make_riccati, numbers_size, work_size
from genesis.dynamics.signature import DOUBLE_BLOCK
from genesis.errors import InputError
from genesis.grad.quadratics import BackwardPass, Quadratics


def riccati(p: Quadratics, rho: float) -> BackwardPass:
    """From the last step to the first. rho: what is added to the diagonal of Q_uu. Raises: InputError (shapes)."""
    horizon, n, m = p.b.shape
    _expect(p, horizon, n, m)
    return _sweeper(runtime.generation(), horizon, n, m)(p, rho)


def _expect(p: Quadratics, horizon: int, n: int, m: int) -> None:
    shapes = {
        "a": (horizon, n, n), "d": (horizon, n), "lx": (horizon + 1, n), "lxx": (horizon + 1, n, n), "lu": (horizon, m),
        "luu": (horizon, m, m), "lux": (horizon, m, n), "low": (horizon, m), "high": (horizon, m),
    }  # fmt: skip
    for name, shape in shapes.items():
        found = getattr(p, name).shape
        if found != shape:
            raise InputError(f"riccati: {name} is {found}; allowed: {shape}, as b is {p.b.shape}.")


class _Sweeper:
    """The kernel with memory for one size, laid out as it reads it."""

    def __init__(self, horizon: int, n: int, m: int) -> None:
        state = runtime.state()
        self.size, self.width = (n, m), LANES[ti.f64] if state.device.type == "cpu" else 1
        width, x, u = self.width, -(-(n + 1) // self.width), -(-m // self.width)
        self.first_control = width * x
        self.memory = {
            name: torch.zeros(shape, dtype=torch.float64)  # which torch aligns to the registers
            for name, shape in (
                ("dynamics", (horizon, n, width * (x + u))), ("state_cost", (horizon, width * x, width * x)),
                ("control_cost", (horizon, width * u, width * (x + u))), ("room", (horizon, 2, m)),
                ("values", (horizon + 1, width * x, width * x)), ("gains", (horizon, width * u, width * x)),
                ("work", (width * work_size(width, x, u),)), ("numbers", (numbers_size(m),)),
            )
        }  # fmt: skip
        kernel = make_riccati(state.ti_float, width, state.generation)
        numbers = {"horizon": horizon, "n": n, "m": m, "states": x, "controls": u}
        given = tuple(array.name for array in kernel.arrays)
        self.launch = Launcher(kernel, 1).bind(numbers, {}, given, {})
        lanes = (-1, width) if width > 1 else (-1,)
        self.arrays = [self.memory[x.name].view(lanes if x.kind == DOUBLE_BLOCK else (-1,)) for x in kernel.arrays]
        self.device = state.device

    def __call__(self, p: Quadratics, rho: float) -> BackwardPass:
        (n, m), first = self.size, self.first_control
        at = {name: x.numpy() for name, x in self.memory.items()}
        controls, f, cost, of_controls = slice(first, first + m), at["dynamics"], at["state_cost"], at["control_cost"][:, :m]
        f[:, :, :n], f[:, :, n], f[:, :, controls] = p.a, p.d, p.b
        cost[:, :n, :n], cost[:, :n, n] = p.lxx[:-1], p.lx[:-1]
        of_controls[:, :, :n], of_controls[:, :, n], of_controls[:, :, controls] = p.lux, p.lu, p.luu
        at["room"][:, 0], at["room"][:, 1] = p.low, p.high
        at["values"][-1, :n, :n], at["values"][-1, :n, n] = p.lxx[-1], p.lx[-1]
        at["numbers"][RHO] = rho
        self._run()
        k, gains = at["gains"][:, :m, n].copy(), at["gains"][:, :m, :n].copy()
        vx, vxx = at["values"][:, :n, n].copy(), at["values"][:, :n, :n].copy()
        slope, curve, largest, failed = at["numbers"][[SLOPE, CURVE, LARGEST, FAILED]].tolist()
        done = int(failed) + 1
        for made in (k, gains, vx, vxx):  # what a sweep before has left there
            made[:done] = 0.0
        return BackwardPass(k, gains, vx, vxx, slope, curve, largest, int(failed))

    def _run(self) -> None:
        """On a GPU in one of its threads."""
        there = [x.to(self.device) for x in self.arrays]
        self.launch(there)
        for here, made in zip(self.arrays, there, strict=True):
            here.copy_(made)


@lru_cache(maxsize=4)
def _sweeper(generation: int, horizon: int, n: int, m: int) -> _Sweeper:
    return _Sweeper(horizon, n, m)
