"""Options of constraints: the user's, else the files', else the default of the law of contacts."""

import pytest

from genesis.description.description import SolverSettings
from genesis.errors import InputError
from genesis.model.options import ConstraintOptions, ConstraintRequest, resolve

FILE = SolverSettings(cone="elliptic", impratio=5.0, iterations=7)


def test_the_user_comes_before_the_file_and_the_file_before_the_default():
    assert resolve(ConstraintRequest(contact="mujoco"), []) == ConstraintOptions(contact="mujoco")
    said = resolve(
        ConstraintRequest(contact="mujoco", impratio=2.0, max_contacts=9), [("box", SolverSettings()), ("robot", FILE)]
    )
    assert said == ConstraintOptions(contact="mujoco", cone="elliptic", impratio=2.0, max_contacts=9)  # 7: for another solver


def test_the_smooth_law_takes_elliptic_cones_unless_asked():
    flat = [("robot", SolverSettings(cone="pyramidal"))]
    assert resolve(ConstraintRequest(), flat).cone == "elliptic"
    assert resolve(ConstraintRequest(cone="pyramidal"), []).cone == "pyramidal"


def test_files_that_disagree_ask_the_user():
    files = [("one", FILE), ("two", SolverSettings(cone="pyramidal", impratio=5.0, iterations=7))]
    with pytest.raises(InputError, match=r'"one" and "two" ask for cone elliptic and pyramidal; .*friction_cone=\.\.\.'):
        resolve(ConstraintRequest(contact="mujoco"), files)
    assert resolve(ConstraintRequest(cone="pyramidal"), files).cone == "pyramidal"
