"""Schema of `optimizer`: torch.optim's own names and defaults, plus gradient clipping; methods that find their step themselves."""

from dataclasses import dataclass

from genesis_cli.schema.keys import REQUIRED, key

LR = "learning rate"
MOST_RATE = 1e308  # a rate may throw a run out of what can be simulated, which is then said


@dataclass
class Optimizer:
    """What every optimizer has."""

    kind: str = REQUIRED


@dataclass
class FirstOrder(Optimizer):
    """What optimizers that take one gradient a step have."""

    clip_norm: float | None = key(None, "largest norm of the whole gradient; null: no clipping", above=0.0)
    clip_value: float | None = key(None, "largest entry of the gradient; null: no clipping", above=0.0)


@dataclass
class Adam(FirstOrder):
    """Kingma and Ba, 2015."""

    kind: str = "adam"
    lr: float = key(1e-2, LR, above=0.0, high=MOST_RATE)
    betas: list[float] = key([0.9, 0.999], "decay of the running means", low=0.0, high=1.0, length=2)
    eps: float = key(1e-8, "added to the denominator", low=0.0)
    weight_decay: float = key(0.0, "L2 penalty", low=0.0)
    amsgrad: bool = key(False, "keep the largest second moment")


@dataclass
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    kind: str = "adamw"


@dataclass
class NAdam(FirstOrder):
    """Adam with Nesterov momentum (Dozat, 2016)."""

    kind: str = "nadam"
    lr: float = key(1e-2, LR, above=0.0, high=MOST_RATE)
    betas: list[float] = key([0.9, 0.999], "decay of the running means", low=0.0, high=1.0, length=2)
    eps: float = key(1e-8, "added to the denominator", low=0.0)
    weight_decay: float = key(0.0, "L2 penalty", low=0.0)
    momentum_decay: float = key(4e-3, "decay of the momentum", low=0.0)


@dataclass
class RAdam(FirstOrder):
    """Rectified Adam (Liu et al., 2020)."""

    kind: str = "radam"
    lr: float = key(1e-2, LR, above=0.0, high=MOST_RATE)
    betas: list[float] = key([0.9, 0.999], "decay of the running means", low=0.0, high=1.0, length=2)
    eps: float = key(1e-8, "added to the denominator", low=0.0)
    weight_decay: float = key(0.0, "L2 penalty", low=0.0)


@dataclass
class Adamax(FirstOrder):
    """Adam with the infinity norm."""

    kind: str = "adamax"
    lr: float = key(1e-2, LR, above=0.0, high=MOST_RATE)
    betas: list[float] = key([0.9, 0.999], "decay of the running means", low=0.0, high=1.0, length=2)
    eps: float = key(1e-8, "added to the denominator", low=0.0)
    weight_decay: float = key(0.0, "L2 penalty", low=0.0)


@dataclass
class RMSprop(FirstOrder):
    """Running mean of squared gradients (Tieleman and Hinton, 2012)."""

    kind: str = "rmsprop"
    lr: float = key(1e-2, LR, above=0.0, high=MOST_RATE)
    alpha: float = key(0.99, "decay of the running mean")
    eps: float = key(1e-8, "added to the denominator", low=0.0)
    weight_decay: float = key(0.0, "L2 penalty", low=0.0)
    momentum: float = key(0.0, "momentum", low=0.0)
    centered: bool = key(False, "normalise by the variance")


@dataclass
class SGD(FirstOrder):
    """Gradient descent, with momentum if wanted."""

    kind: str = "sgd"
    lr: float = key(1e-2, LR, above=0.0, high=MOST_RATE)
    momentum: float = key(0.0, "momentum", low=0.0)
    dampening: float = key(0.0, "dampening of the momentum", low=0.0)
    weight_decay: float = key(0.0, "L2 penalty", low=0.0)
    nesterov: bool = key(False, "Nesterov momentum")


@dataclass
class Rprop(FirstOrder):
    """Resilient backpropagation: step lengths from the signs alone (Riedmiller and Braun, 1993)."""

    kind: str = "rprop"
    lr: float = key(1e-2, "first step length", above=0.0, high=MOST_RATE)
    etas: list[float] = key([0.5, 1.2], "factors of decrease and increase", length=2)
    step_sizes: list[float] = key([1e-6, 50.0], "smallest and largest step", length=2)


@dataclass
class Adagrad(FirstOrder):
    """Sum of squared gradients (Duchi et al., 2011)."""

    kind: str = "adagrad"
    lr: float = key(1e-1, LR, above=0.0, high=MOST_RATE)
    lr_decay: float = key(0.0, "decay of the learning rate", low=0.0)
    eps: float = key(1e-10, "added to the denominator", low=0.0)
    weight_decay: float = key(0.0, "L2 penalty", low=0.0)


@dataclass
class Adadelta(FirstOrder):
    """Zeiler, 2012."""

    kind: str = "adadelta"
    lr: float = key(1.0, LR, above=0.0, high=MOST_RATE)
    rho: float = key(0.9, "decay of the running means")
    eps: float = key(1e-6, "added to the denominator", low=0.0)
    weight_decay: float = key(0.0, "L2 penalty", low=0.0)


@dataclass
class ASGD(FirstOrder):
    """Averaged stochastic gradient descent (Polyak and Juditsky, 1992)."""

    kind: str = "asgd"
    lr: float = key(1e-2, LR, above=0.0, high=MOST_RATE)
    lambd: float = key(1e-4, "decay term")
    alpha: float = key(0.75, "power of the learning rate")
    t0: float = key(1e6, "point where averaging starts")
    weight_decay: float = key(0.0, "L2 penalty", low=0.0)


@dataclass
class LBFGS(Optimizer):
    """Limited-memory BFGS of torch with the strong Wolfe line search; one iteration is one line search."""

    kind: str = "lbfgs"
    lr: float = key(1.0, "first trial step of the line search", above=0.0, high=MOST_RATE)
    history_size: int = key(20, "pairs kept for the inverse Hessian", low=1)
    max_eval: int = key(25, "largest number of objective evaluations in one iteration", low=1)
    tolerance_grad: float = key(1e-12, "stop where the largest entry of the gradient is below this", low=0.0)
    tolerance_change: float = key(1e-16, "stop where the step is below this", low=0.0)


@dataclass
class LBFGSB(Optimizer):
    """L-BFGS-B (Byrd, Lu, Nocedal and Zhu, 1995): bounds of `transform: clamp` parameters are kept exactly."""

    kind: str = "lbfgsb"
    history_size: int = key(20, "pairs kept for the inverse Hessian", low=1)
    max_eval: int = key(20, "largest number of objective evaluations in one line search", low=1)
    tolerance_grad: float = key(0.0, "stop where the largest entry of the projected gradient is below this", low=0.0)
    tolerance_change: float = key(0.0, "stop where the relative reduction of the objective is below this", low=0.0)


@dataclass
class LevenbergMarquardt(Optimizer):
    """Damped Gauss-Newton steps on the exact Jacobian of sums of squares, within bounds."""

    kind: str = "levenberg_marquardt"
    damping: float = key(1e-3, "damping at the start, relative to the diagonal of the normal equations", above=0.0)
    cost_tolerance: float = key(1e-9, "stop where the relative fall of the objective is below this", low=0.0)
    step_tolerance: float = key(1e-8, "stop where the relative step is below this", low=0.0)
    gradient_tolerance: float = key(1e-9, "stop where the gradient, in units free of scale, is below this", low=0.0)


@dataclass
class LeastSquares(Optimizer):
    """Trust region, reflected at bounds, on the exact Jacobian of sums of squares (Branch, Coleman and Li, 1999)."""

    kind: str = "least_squares"
    cost_tolerance: float = key(1e-9, "stop where the relative fall of the objective is below this", low=0.0)
    step_tolerance: float = key(1e-8, "stop where the relative step is below this", low=0.0)
    gradient_tolerance: float = key(1e-9, "stop where the gradient, in units free of scale, is below this", low=0.0)


@dataclass
class CMAES(Optimizer):
    """CMA-ES (Hansen, 2016; Ros and Hansen, 2008): no gradient; a generation is one batched simulation."""

    kind: str = "cmaes"
    population: int | None = key(None, "candidates of a generation; null: 4 + 3 ln n for n numbers", low=4, high=1_000_000)
    spread: float = key(
        0.5,
        "standard deviation at the start: of half the range of numbers with bounds, else absolute; in an identification of the range, else of "
        "the start value",
        above=0.0,
    )
    diagonal: bool | None = key(None, "search for each number by itself, in linear time; null: from 50 numbers on")
    cost_tolerance: float = key(
        1e-12, "stop where the last generations' objectives differ by less than this part of the gain", low=0.0
    )
    step_tolerance: float = key(1e-11, "stop where the standard deviation is this part of the first", low=0.0)


@dataclass
class DDP(Optimizer):
    """Differential dynamic programming (Tassa et al., 2014; Mastalli et al., 2020): one control a step (parameters=torques)."""

    kind: str = "ddp"
    lengths: int = key(8, "step lengths tried at once, in one batched simulation", low=1, high=1000)
    shortest: float = key(0.01, "the last of them; the first is 1", above=0.0)
    regularization: float = key(
        1.0, "diagonal added to the controls' Hessian from the second sweep on, relative to its mean", low=0.0
    )
    guess: str = key(
        "auto",
        "where the path begins: the motion of the start's controls (rollout); a straight path to the state where it should end, with gaps "
        "(interpolation); auto: the motion, but through such a path where small changes grow much",
        choices=("auto", "rollout", "interpolation"),
    )
    cost_tolerance: float = key(1e-9, "stop where a full step lowers the objective by less than this part of it", low=0.0)
    gradient_tolerance: float = key(1e-9, "stop where no control changes the objective by more than this part of it", low=0.0)


@dataclass
class MPPI(Optimizer):
    """Path integrals (Williams et al., 2018): the mean of candidates weighed by their cost; no gradient, a batched simulation a generation."""

    kind: str = "mppi"
    population: int = key(64, "candidates of a generation", low=4, high=1_000_000)
    spread: float = key(
        0.3, "standard deviation at the start: of half the range of numbers with bounds, else absolute", above=0.0
    )
    elite: float = key(0.1, "part of the candidates that the weights count; sets the temperature", above=0.0)
    temperature: float | None = key(None, "temperature of the weights in units of the objective, in place of elite", above=0.0)
    smoothing: float = key(0.5, "correlation of the noise of controls from one time to the next, below 1", low=0.0)
    adapt: float = key(
        0.2, "how far variances go towards those of the weighed candidates in a generation; 0: the spread stays", low=0.0
    )
    step_tolerance: float = key(1e-6, "stop where the standard deviation is this part of the first", low=0.0)


@dataclass
class SHAC(Optimizer):
    """Short-horizon actor–critic (Xu et al., 2022): policies of episodes, by gradients of a few steps and a value behind them."""

    kind: str = "shac"
    steps: int = key(32, "control steps of a window", low=1)
    lr: float = key(5e-3, LR + " of the policy", above=0.0, high=MOST_RATE)
    betas: list[float] = key([0.7, 0.95], "decay of the running means", low=0.0, high=1.0, length=2)
    clip_norm: float | None = key(1.0, "largest norm of the whole gradient; null: no clipping", above=0.0)
    clip: float | None = key(
        None,
        "largest norm of the adjoint of one environment's state at each step, of its own return; null: as it comes",
        above=0.0,
    )
    discount: float = key(0.99, "what a reward counts a step later", above=0.0, high=1.0)
    decay: float = key(0.95, "λ of the targets of the value", low=0.0, high=1.0)
    critic_lr: float = key(2e-3, LR + " of the value", above=0.0, high=MOST_RATE)
    critic_hidden: list[int] = key([64, 64], "width of each hidden layer of the value", low=1, high=100_000)
    critic_activation: str = key("elu", "its nonlinearity", choices=("tanh", "relu", "silu", "elu", "gelu"))
    critics: int = key(2, "networks whose mean is the value", low=1, high=100)
    critic_passes: int = key(3, "passes over the data of a window", low=1)
    critic_batch: int = key(512, "rows of a batch", low=1)
    follow: float = key(0.8, "share of the way that the value which policies are judged by goes at each fit", above=0.0, high=1.0)


OPTIMIZERS: dict[str, type] = {
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
    "radam": RAdam,
    "adamax": Adamax,
    "rmsprop": RMSprop,
    "sgd": SGD,
    "rprop": Rprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "asgd": ASGD,
    "lbfgs": LBFGS,
    "lbfgsb": LBFGSB,
    "levenberg_marquardt": LevenbergMarquardt,
    "least_squares": LeastSquares,
    "cmaes": CMAES,
    "mppi": MPPI,
    "ddp": DDP,
    "shac": SHAC,
}
