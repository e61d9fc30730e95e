"""Settings of a study that do not go together."""

import pytest

from genesis_cli.errors import CommandError
from genesis_cli.sweeps.stored_study import StudySettings

TWO = {"objectives": ["a", "b"], "directions": ["minimize", "maximize"]}


def settings(**given) -> StudySettings:
    one = {"sampler": "tpe", "pruner": "none", "seed": 0, "report_every": 1, "objectives": ["a"], "directions": ["minimize"]}
    return StudySettings(**{**one, **given})


@pytest.mark.parametrize("given", [{}, TWO, {"sampler": "cmaes", "pruner": "median"}, {**TWO, "sampler": "nsga2"}])
def test_what_goes_together(given: dict) -> None:
    settings(**given).check()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({**TWO, "pruner": "median"}, "pruning needs a single objective"),
        ({**TWO, "sampler": "cmaes"}, "cmaes knows a single objective; for several: tpe"),
        ({"objectives": [], "directions": []}, "0 objectives and 0 directions"),
        ({**TWO, "directions": ["minimize"]}, "2 objectives and 1 directions"),
        ({"directions": ["down"]}, '"down" is not allowed'),
        ({"pruner": "medium"}, 'unknown pruner "medium"'),
    ],
)
def test_what_does_not(given: dict, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        settings(**given).check()
