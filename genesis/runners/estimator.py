"""Gradients of an objective that is smoothed by noise on the free numbers, where the exact gradient of one point misleads.

    F(x) = E f(x + S z),   z ~ N(0, σ² 1),   S: sizes of the free numbers

    first order    g₁ = mean ∇f(x + S z)                                   (bundled)
    zeroth order   g₀ = mean (f(x + S z) − f(x − S z)) z / (2 σ²) S⁻¹       (values alone)
    mixed          α g₁ + (1 − α) g₀,   α = (var₀ − cov) / (var(g₁ − g₀) + b²),   b² = max(0, |g₁ − g₀|² − q var(g₁ − g₀))

The mixture has the least mean squared error for the bias b that the two show beyond chance, which exceeds q var once in twenty
times. Variances are those of means of pairs, in sizes σ S; g₁ and g₀ come of the same pairs, hence the covariance. The source takes
var₀ / (var₀ + var₁) and cuts it back by confidence intervals: by those of two standard deviations the bias that is left may be twice the
spread of g₀. Without a margin (q = 1) chance alone makes the mixture of a smooth objective many times as noisy as g₁. One α serves all
numbers: an own one for each errs more where there are many, as each has its own chance to look biased.

Where f jumps or is very steep, as at an impact, g₁ misses what happens there, or is very noisy, and g₀ is not; elsewhere g₁ has by far the
smaller variance. All samples are environments of one launch; those of one evaluation come in pairs x ± S z.
Source: Suh, Simchowitz, Zhang, Tedrake, Do differentiable simulators give better policy gradients?, ICML 2022 (variances, mixture, bias);
Nesterov, Spokoiny, Found. Comput. Math. 17 (2017) (antithetic pairs).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from genesis.errors import ContactOverflowError, DivergenceError, InputError
from genesis.log import logger
from genesis.methods.method import point, spans
from genesis.problems.problem import Evaluation
from genesis.runners.evaluate import TaskProblem
from genesis.runners.health import agreement
from genesis.tasks import Task

Estimator = Literal["analytic", "bundled", "zeroth", "mixed"]
RARE = 1.645  # standard deviations that a normal number exceeds once in twenty times
FEW = 32  # samples below which variances say too little of bias, see benchmarks/estimators.py
FLAT = 0.5  # share of samples without a gradient beyond which a bundle says little
DISAGREE = 0.6  # agreement in sign over a bundle below which a gradient says little; 0.5: none


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
class GradientEstimate:
    """gradient (n,). first, zeroth: their means (n,), where they were taken. told: what is logged of them."""

    gradient: np.ndarray
    smoothed: float
    told: dict[str, float]
    first: np.ndarray | None = None
    zeroth: np.ndarray | None = None


def mixture(
    first: np.ndarray | None, values: np.ndarray, noise: np.ndarray, scale: np.ndarray, kind: Estimator
) -> GradientEstimate:
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
    g0: np.ndarray | None = None
    g1: np.ndarray | None = None
    zeroth = slopes = None
    if kind != "bundled":
        zeroth = 0.5 * (values[:half] - values[half:])[pairs, None] * noise[:half][pairs] / scale
        g0 = zeroth.mean(0) / scale
        told["variance_zeroth"] = variance(zeroth)
    if first is not None:
        told["sign_agreement"] = agreement(torch.from_numpy(first[good] * scale)[None])
        told["without_gradient"] = float((first[good] == 0.0).all(1).mean())
        # pairs are the samples: what is odd in the noise cancels in them, and the spread of single gradients would count it
        halves = 0.5 * (first[:half] + first[half:])[pairs] if pairs.sum() >= 2 else first[good]
        slopes, g1 = halves * scale, (first[good] if zeroth is None else halves).mean(0)
        told["variance_first"] = variance(slopes)
    if zeroth is not None and slopes is not None and g0 is not None and g1 is not None:
        alpha = weight(slopes, zeroth, told)
        return GradientEstimate(alpha * g1 + (1.0 - alpha) * g0, smoothed, told, g1, g0)
    gradient = g0 if g1 is None else g1
    assert gradient is not None
    return GradientEstimate(gradient, smoothed, told, g1, g0)


def variance(rows: np.ndarray) -> float:
    """Of the mean of rows (K, n), sum over the numbers."""
    return float(rows.var(0, ddof=1).sum() / len(rows))


def weight(first: np.ndarray, zeroth: np.ndarray, told: dict[str, float]) -> float:
    """α of rows (K, n), both of the same pairs; told: gets it, and the bias with what chance explains of it."""
    differences = first - zeroth
    of_each = differences.var(0, ddof=1) / len(differences)
    spread = float(of_each.sum())
    limit = unlikely(of_each) * spread
    squared = float((differences.mean(0) ** 2).sum())
    told["bias"], told["confidence"] = squared**0.5, limit**0.5
    whole = spread + max(squared - limit, 0.0)
    shared = -float(((zeroth - zeroth.mean(0)) * differences).sum() / (len(zeroth) - 1) / len(zeroth))  # var₀ less the covariance
    told["alpha"] = min(max(shared / whole, 0.0), 1.0) if whole > 0.0 else 1.0
    return told["alpha"]


def unlikely(variances: np.ndarray) -> float:
    """What the square of a normal vector with these variances (n,), over their sum, exceeds once in twenty times: the quantile of χ² with as
    many degrees of freedom as have its variance (Satterthwaite), by Wilson and Hilferty."""
    largest = float(variances.max(initial=0.0))
    if largest == 0.0:
        return 1.0
    shares = variances / largest
    part = 2.0 * float((shares**2).sum()) / (9.0 * float(shares.sum()) ** 2)
    return float((1.0 - part + RARE * part**0.5) ** 3)


class EstimatedProblem(TaskProblem):
    """A task whose gradient is estimated over samples. Values, terms and metrics that are told are of the point itself; what a line search
    compares is the mean over the samples, which are the same ones for all its points (`remember`), else new ones at each evaluation.

    Raises: InputError for a number of samples that is odd.
    """

    def __init__(self, task: Task, asked: GradientOptions, **options: Any) -> None:
        super().__init__(task, **options)
        if asked.samples % 2:
            raise InputError(f"gradient.samples: {asked.samples} is odd, and samples come in pairs; give an even number.")
        if asked.estimator == "mixed" and asked.samples < FEW:
            logger.warning(
                "gradient.samples: of %d samples, the mixture is biased by up to half of the gradient, which takes noise off; %d or more show "
                "their bias.", asked.samples, FEW,
            )  # fmt: skip
        self.asked, self.fixed, self.draws = asked, bool(options.get("remember")), 0
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
        known = self.latest
        self.latest = Evaluation(
            known.objective, known.terms, known.metrics, known.good, here, found.gradient, norms, None, known.diverged,
            estimate={**found.told, "smoothed": found.smoothed},
        )  # fmt: skip
        self._warn(found.told)
        return found.smoothed if self.fixed else value

    def _noise(self, size: int) -> np.ndarray:
        """(N, n) pairs of standard normal numbers, a function of the seed and of how many were drawn before."""
        half = np.random.default_rng((self.asked.seed, self.draws)).standard_normal((self.asked.samples // 2, size))
        return np.concatenate([half, -half])

    def _warn(self, told: dict[str, float]) -> None:
        """Once, where the exact gradient looks biased."""
        if self.warned:
            return
        if told.get("without_gradient") == 1.0:
            self.warned = True
            logger.warning(
                "gradient: none of the %d samples has an exact gradient: in none does the objective feel the free numbers; a larger "
                "gradient.sigma, scene.contact_reach above 0 or another start may help.", self.asked.samples,
            )  # fmt: skip
        elif self.asked.estimator == "mixed" and told["bias"] > 2.0 * told["confidence"]:
            self.warned = True
            logger.info(
                "gradient: the mean of exact gradients differs from that of values by %.2g, beyond the %.2g that chance explains: they miss "
                "jumps, and count with %.0f %%.", told["bias"], told["confidence"], 100.0 * told["alpha"],
            )  # fmt: skip
        elif self.asked.estimator == "bundled" and (told["sign_agreement"] < DISAGREE or told["without_gradient"] > FLAT):
            self.warned = True
            logger.warning(
                "gradient: of the samples' exact gradients %.0f %% are zero, and the others agree in sign by %.0f %% (50: not at all); "
                "gradient.estimator=mixed asks values too, and another gradient.sigma sees less, or more, of what lies around.",
                100.0 * told["without_gradient"], 100.0 * told["sign_agreement"],
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


__all__ = ["GradientEstimate", "EstimatedProblem", "GradientOptions", "mixture", "refuse_other_needs"]
