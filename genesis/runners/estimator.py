"""Gradients of an objective that is smoothed by noise on the free numbers, where the exact gradient of one point misleads.

    F(x) = E f(x + S z),   z ~ N(0, σ² 1),   S: sizes of the free numbers

    first order    g₁ = mean ∇f(x + S z)                                   (bundled)
    zeroth order   g₀ = mean (f(x + S z) − f(x − S z)) z / (2 σ²) S⁻¹       (values alone)
    mixed          α g₁ + (1 − α) g₀,   α = var₀ / (var₀ + var₁ + b²),   b² = max(0, |g₁ − g₀|² − var₀ − var₁)

The mixture has the least mean squared error for the bias b that the two show beyond chance; without bias it is that of the source, which cuts α
back by confidence intervals instead (by those of two standard deviations the bias that is left may be twice the spread of g₀).

Where f jumps or is very steep, as at an impact, g₁ misses what happens there, or is very noisy, and g₀ is not; elsewhere g₁ has by far the
smaller variance. All samples are environments of one launch; those of one evaluation come in pairs x ± S z.
Source: Suh, Simchowitz, Zhang, Tedrake, Do differentiable simulators give better policy gradients?, ICML 2022 (variances, mixture, bias);
Nesterov, Spokoiny, Found. Comput. Math. 17 (2017) (antithetic pairs).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from genesis.errors import ContactOverflowError, DivergenceError, InputError
from genesis.log import logger
from genesis.methods.method import point, spans
from genesis.problems.problem import Evaluation
from genesis.runners.evaluate import TaskProblem
from genesis.tasks import Task

Estimator = Literal["analytic", "bundled", "zeroth", "mixed"]
CONFIDENCE = 2.0  # standard deviations of a mean
DISAGREE = 0.6  # agreement in sign over a bundle below which a gradient says little


@dataclass(frozen=True)
class GradientOptions:
    """estimator: see above; analytic: the exact gradient of the point itself. samples: N, an even number. sigma: standard deviation of the
    noise, in sizes of the free numbers. truncate, clip: of exact gradients, see `Scene.rollout`. seed: of the draws."""

    estimator: Estimator = "analytic"
    samples: int = 64
    sigma: float = 0.02
    truncate: int | None = None
    clip: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Estimate:
    """gradient (n,). first, zeroth: their means (n,), where they were taken. told: what is logged of them."""

    gradient: np.ndarray
    smoothed: float
    told: dict[str, float]
    first: np.ndarray | None = None
    zeroth: np.ndarray | None = None


def mixture(first: np.ndarray | None, values: np.ndarray, noise: np.ndarray, scale: np.ndarray, kind: Estimator) -> Estimate:
    """The estimate of samples.

    Args:
        first (N, n): gradients at x + noise; None where none are wanted. values (N,): at these points, inf where there is none; pairs are the
            rows k and k + N/2. noise (N, n): S z. scale (n,): σ S.
    Raises: DivergenceError where too few samples have a value.
    """
    half = len(values) // 2
    good = np.isfinite(values)
    pairs = good[:half] & good[half:]
    told = {"finite": float(good.mean())}
    if good.sum() < 2 or (kind != "bundled" and pairs.sum() < 2):
        raise DivergenceError(f"{int((~good).sum())} of {len(values)} samples of the gradient cannot be simulated.")
    smoothed = float(values[good].mean())
    g0 = g1 = None
    var0 = var1 = 0.0
    if kind != "bundled":
        rows = 0.5 * (values[:half] - values[half:])[pairs, None] * noise[:half][pairs] / scale**2
        g0, var0 = rows.mean(0), float(((rows.var(0, ddof=1) / len(rows)) * scale**2).sum())
        told["variance_zeroth"] = var0
    if first is not None:
        rows = first[good]
        g1, var1 = rows.mean(0), float(((rows.var(0, ddof=1) / len(rows)) * scale**2).sum())
        told["variance_first"] = var1
        weight = np.abs(g1) * scale
        agree = np.maximum((rows > 0.0).mean(0), (rows < 0.0).mean(0))
        told["sign_agreement"] = float((agree * weight).sum() / weight.sum()) if weight.any() else 1.0
    if g0 is not None and g1 is not None:
        told["bias"] = float(np.linalg.norm((g1 - g0) * scale))
        told["confidence"] = CONFIDENCE * (var0 + var1) ** 0.5
        squared = max(told["bias"] ** 2 - var0 - var1, 0.0)
        alpha = var0 / (var0 + var1 + squared) if var0 + var1 + squared > 0.0 else 1.0
        told["alpha"] = alpha
        return Estimate(alpha * g1 + (1.0 - alpha) * g0, smoothed, told, g1, g0)
    gradient = g0 if g1 is None else g1
    assert gradient is not None
    return Estimate(gradient, smoothed, told, g1, g0)


class EstimatedProblem(TaskProblem):
    """A task whose gradient is estimated over samples. Values, terms and metrics that are told are of the point itself; what a line search
    compares is the mean over the samples, which are the same ones for all its points (`remember`), else new ones at each evaluation.

    Raises: InputError for a number of samples that is odd.
    """

    def __init__(self, task: Task, asked: GradientOptions, **options: Any) -> None:
        super().__init__(task, **options)
        if asked.samples % 2:
            raise InputError(f"gradient.samples: {asked.samples} is odd, and samples come in pairs; give an even number.")
        self.asked, self.fixed, self.draws = asked, bool(options.get("remember")), 0
        self.told: dict[str, float] = {}
        self.warned = False

    def evaluate(self, gradient: bool = True) -> float:
        """See `Objective.evaluate`: the smoothed value where a method compares values, else that of the point."""
        value = super().evaluate(gradient=False)
        if not np.isfinite(value):
            return value
        assert self.latest is not None
        here = point(self.groups)
        scale = self.asked.sigma * spans(self.groups)
        noise = self._noise(len(here)) * scale
        samples = here + noise
        kind = self.asked.estimator
        try:
            if gradient and kind != "zeroth":
                values, slopes = self.candidates.gradients(samples)
            else:
                values, slopes = self.candidates.values(samples), None
            self.evaluations += int(np.isfinite(values).sum())
            if not gradient:
                good = np.isfinite(values)
                return float(values[good].mean()) if self.fixed and good.any() else value
            found = mixture(slopes, values, noise, scale, kind)
        except (DivergenceError, ContactOverflowError) as error:
            return self.fail(error)
        finally:
            if gradient and not self.fixed:
                self.draws += 1
        self._give(found.gradient)
        norms = self._norms([leaf.grad for leaf in self.leaves])  # type: ignore[misc]
        self.told = found.told
        known = self.latest
        self.latest = Evaluation(
            known.objective, known.terms, known.metrics, known.good, here, found.gradient, norms, None, known.diverged,
            estimate={**found.told, "smoothed": found.smoothed},
        )  # fmt: skip
        self._warn()
        return found.smoothed if self.fixed else value

    def _noise(self, size: int) -> np.ndarray:
        """(N, n) pairs of standard normal numbers, a function of the seed and of how many were drawn before."""
        half = np.random.default_rng((self.asked.seed, self.draws)).standard_normal((self.asked.samples // 2, size))
        return np.concatenate([half, -half])

    def _warn(self) -> None:
        """Once, where the exact gradient looks biased."""
        told = self.told
        if self.warned:
            return
        if self.asked.estimator == "mixed" and told["bias"] > 2.0 * told["confidence"]:
            self.warned = True
            logger.info(
                "gradient: the mean of exact gradients differs from that of values by %.2g, beyond the %.2g that chance explains: they miss "
                "jumps, and count with %.0f %%.", told["bias"], told["confidence"], 100.0 * told["alpha"],
            )  # fmt: skip
        elif self.asked.estimator == "bundled" and told["sign_agreement"] < DISAGREE:
            self.warned = True
            logger.warning(
                "gradient: exact gradients of samples agree in sign by %.0f %% alone; gradient.estimator=mixed asks values too, and "
                "a smaller gradient.sigma stays nearer.", 100.0 * told["sign_agreement"],
            )  # fmt: skip

    def linearize(self) -> Any:
        """Raises: InputError: a smoothed objective is no sum of squares of one motion."""
        raise InputError(
            "gradient.estimator: methods for residuals take the Jacobian of one motion; use analytic, or adam, sgd, lbfgs, lbfgsb."
        )

    def state_dict(self) -> dict[str, Any]:
        """Also how many draws there were before the present evaluation."""
        return {**super().state_dict(), "draws": self.draws if self.fixed else max(0, self.draws - 1)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.draws = state["draws"]


def refuse_other_needs(asked: GradientOptions, needs: Mapping[str, str]) -> None:
    """needs: of each method by its kind. Raises: InputError for one that asks for no gradient, where an estimator is asked for."""
    for kind, need in needs.items():
        if need != "gradient" and (asked.truncate is not None or asked.clip is not None):
            raise InputError(
                f"gradient.{'truncate' if asked.truncate is not None else 'clip'}: changes gradients, and {kind} asks for none (it asks for "
                f"{need}); use adam, sgd, lbfgs or lbfgsb, or leave it out."
            )
        if asked.estimator != "analytic" and need != "gradient":
            raise InputError(
                f"gradient.estimator: {asked.estimator} estimates gradients, and {kind} asks for none (it asks for {need}); use adam, sgd, "
                "lbfgs or lbfgsb, or gradient.estimator=analytic."
            )


__all__ = ["Estimate", "EstimatedProblem", "GradientOptions", "mixture", "refuse_other_needs"]
