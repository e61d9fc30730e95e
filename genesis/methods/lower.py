"""A whole descent without records, stops or observers: for problems inside of problems."""

from genesis.methods.method import Ending, Method, Objective


def lower(method: Method, objective: Objective, iterations: int) -> Ending:
    """Step until the method ends or has made ``iterations`` steps; the last point that it looked at is in the leaves."""
    method.init(objective)
    for iteration in range(iterations + 1):
        ending = method.look()
        if ending is None and iteration < iterations:
            ending = method.step()
        if ending is not None:
            return ending
    return Ending(False, f"the {iterations} iterations are used up")
