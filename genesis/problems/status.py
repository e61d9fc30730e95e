"""How a run ends, in one word. Apart from what computes, so that whoever reads results needs none of it."""

# `finished`: there is no tolerance to meet. `does_not_fit`: the method has found what it looked for, and that does not explain the data.
CONVERGED, NOT_CONVERGED, FINISHED, INTERRUPTED, DIVERGED = "converged", "not_converged", "finished", "interrupted", "diverged"
OVERFLOWED, PRUNED, DOES_NOT_FIT = "too_many_contacts", "pruned", "does_not_fit"
