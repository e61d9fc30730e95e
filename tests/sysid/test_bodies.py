"""Bodies and friction that are identified: a mass takes its inertia along, what follows others has errors, laws find their numbers."""

import numpy as np
import pytest
import torch

from genesis.description.friction_law import LAWS
from genesis.sysid.answer import Asked, answer_of, identified_parameters
from genesis.sysid.residuals import of_windows
from tests.sysid.problems import ARM, joint_problem, recorded, setting_for, solved, truth, whole

pytestmark = pytest.mark.usefixtures("engine")
DAMPING = {"kind": "damping", "bounds": [0.0, 1.0]}


def heavier() -> dict:
    """A lower rod of the same shape and another density."""
    inertia = setting_for(ARM).described["link_inertia"][1] * 1.3
    return truth() | {"link_inertia": whole(ARM, "link_inertia", lower=inertia.tolist())}


def test_a_mass_takes_its_inertia_along() -> None:
    """Of a rod of another density the right numbers; with the tensor kept, wrong ones that fit worse."""
    made = [recorded(ARM, truth=heavier(), steps=60)]
    found = {}
    for inertia in ("scale", "keep"):
        mass = {"kind": "mass", "names": ["lower"], "inertia": inertia}
        run = solved(joint_problem(ARM, {"mass": mass, "damping": DAMPING}, made))
        found[inertia] = (run.values, min(run.costs))
        written = identified_parameters(run.residuals.problem, run.best)
        assert ("link_inertia" in written) == (inertia == "scale")
        if inertia == "scale":
            assert written["link_inertia"].tolist() == pytest.approx(np.array(heavier()["link_inertia"]), rel=1e-6)
    assert found["scale"][0] == pytest.approx([1.3, 0.05, 0.03], rel=1e-6)
    assert abs(found["keep"][0][0] - 1.3) > 0.003 and found["keep"][1] > 1e3 * found["scale"][1]


def test_a_parameter_that_follows_has_the_error_of_what_it_follows() -> None:
    """elbow = 0.6 shoulder: one number is learned, both are told, the second with 0.6 of the error of the first."""
    made = [recorded(ARM, truth=truth(), steps=60, noise=1e-3)]
    parameters = {
        "elbow": {"kind": "damping", "names": ["elbow"], "tie": "0.6 * shoulder"},
        "shoulder": DAMPING | {"names": ["shoulder"]},
    }
    problem = joint_problem(ARM, {**parameters, "mass": {"kind": "mass", "names": ["lower"], "inertia": "keep"}}, made)
    assert problem.names() == ["shoulder/shoulder", "mass/lower"]
    run = solved(problem)
    answer = answer_of(run.residuals, run.residuals.first(), run.best, Asked(), [], lambda: False)
    shoulder, _, elbow = answer.estimates
    assert shoulder.value == pytest.approx(0.05, abs=1e-3) and shoulder.std > 0.0
    assert (elbow.name, elbow.note) == ("elbow/elbow", "tied") and elbow.start == pytest.approx(0.6 * 0.02)
    assert elbow.value == pytest.approx(0.6 * shoulder.value, rel=1e-12) and elbow.std == pytest.approx(
        0.6 * shoulder.std, rel=1e-9
    )
    assert identified_parameters(problem, run.best)["dof_damping"].tolist() == pytest.approx([shoulder.value, elbow.value])


def test_the_jacobian_of_what_others_follow() -> None:
    """Against central differences, also where a length moves the link behind."""
    parameters = {
        "length": {"kind": "link_length", "names": ["upper"], "scales": ["mass", "centre_of_mass", "inertia"]},
        "mass": {"kind": "mass", "names": ["lower"], "tie": "2 * length"},
        "damping": {"kind": "damping", "tie": "0.1 * length['upper'] ** 2"},
    }
    made = of_windows(joint_problem(ARM, parameters, [recorded(ARM, steps=40)]))
    x, h = made.first() * 1.1, 1e-6
    table = np.vstack([block.z for block in made.blocks(x)])

    def at(shift: float) -> np.ndarray:
        return np.concatenate([block.r for block in made.blocks(x + shift)])

    expected = (at(h) - at(-h)) / (2.0 * h)
    assert table.shape[1] == 1
    assert np.abs(table[:, 0] - expected).max() <= 1e-7 * np.abs(expected).max()


def test_a_friction_law_is_found() -> None:
    """The numbers of a Stribeck law of the elbow, from motion without noise; its slip velocity is held at the truth."""
    rows = np.zeros((2, 8))
    rows[1] = LAWS["stribeck"].row([0.3, 0.5, 0.4, 0.05, 0.1])
    setting = setting_for(ARM)
    made = [recorded(ARM, truth={"dof_frictionlaw": rows.tolist(), "dof_damping": [0.05, 0.0]}, steps=80, size=2.0)]
    law = {
        "kind": "friction_law", "names": ["elbow"], "law": "stribeck", "numbers": ["coulomb", "static", "viscous"],
        "init": {"coulomb": 0.2, "static": 0.2, "viscous": 0.02, "slip_velocity": 0.1, "stribeck_velocity": 0.4},
    }  # fmt: skip
    problem = joint_problem(ARM, {"law": law, "damping": {"kind": "damping", "names": ["shoulder"]}}, made)
    assert problem.names()[:3] == ["law/elbow.coulomb", "law/elbow.static", "law/elbow.viscous"]
    assert solved(problem).values == pytest.approx([0.3, 0.5, 0.05, 0.05], rel=1e-5)
    assert torch.equal(setting.described["dof_frictionlaw"], torch.zeros(2, 8, dtype=torch.float64))
