"""How a run ends, in one word. Apart from what computes, so that whoever reads results needs none of it."""

# `finished`: there is no tolerance to meet.
CONVERGED, NOT_CONVERGED, FINISHED, INTERRUPTED, DIVERGED = "converged", "not_converged", "finished", "interrupted", "diverged"
OVERFLOWED, PRUNED = "too_many_contacts", "pruned"
