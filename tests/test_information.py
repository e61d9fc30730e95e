"""Information and its criteria against formulas on the matrix F itself."""

import math

import numpy as np
import pytest
import torch

from genesis.errors import InputError
from genesis.information import CRITERIA, check_identifiable, described, square_root, standard_deviations, summary


def jacobian(rows: int = 30, columns: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(rows, columns)) * [1.0, 20.0, 3.0, 0.1, 5.0][:columns])


def test_square_root_is_that_of_the_schur_complement_with_the_prior() -> None:
    made, prior = jacobian(), torch.tensor([0.0, 2.0, 0.5], dtype=torch.float64)
    whole = made.T @ made + torch.diag(torch.cat([torch.zeros(2, dtype=torch.float64), prior**2]))
    xx, xt, tt = whole[:2, :2], whole[:2, 2:], whole[2:, 2:]
    expected = tt - xt.T @ torch.linalg.solve(xx, xt)
    root = square_root(made, 2, prior)
    assert torch.allclose(root.T @ root, expected, rtol=1e-12, atol=1e-12)
    assert torch.allclose(standard_deviations(root), torch.linalg.inv(whole).diagonal()[2:].sqrt(), rtol=1e-12)


def test_criteria() -> None:
    made = jacobian()
    fisher = (made.T @ made).numpy()
    root, eigenvalues = square_root(made), np.linalg.eigvalsh(fisher)
    assert float(CRITERIA["D"](root, 8.0)) == pytest.approx(-np.linalg.slogdet(fisher)[1] / 5, rel=1e-12)
    assert float(CRITERIA["A"](root, 8.0)) == pytest.approx(math.log(np.trace(np.linalg.inv(fisher)) / 5), rel=1e-12)
    for sharpness in (1.0, 8.0):
        soft = math.log(np.sum(eigenvalues**-sharpness)) / sharpness
        assert float(CRITERIA["E"](root, sharpness)) == pytest.approx(soft, rel=1e-12)
    assert -1e-12 <= float(CRITERIA["E"](root, 8.0)) + math.log(eigenvalues[0]) <= math.log(5) / 8


@pytest.mark.parametrize("criterion", CRITERIA)
def test_criteria_are_smooth_where_eigenvalues_meet(criterion: str) -> None:
    """The identity has five equal eigenvalues."""
    start = torch.cat([torch.eye(5, dtype=torch.float64), torch.zeros(3, 5, dtype=torch.float64)]).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: CRITERIA[criterion](square_root(s), 8.0), start, eps=1e-5, rtol=1e-7, atol=1e-9)


def test_summary() -> None:
    made, prior = jacobian(columns=3), torch.tensor([0.0, 0.0, 100.0], dtype=torch.float64)
    told = summary(square_root(made, 0, prior), prior)
    fisher = (made.T @ made).numpy() + np.diag(prior.numpy() ** 2)
    covariance = np.linalg.inv(fisher)
    spread = np.sqrt(np.diag(covariance))
    assert told.std.numpy() == pytest.approx(spread, rel=1e-12)
    assert told.correlation.numpy() == pytest.approx(covariance / np.outer(spread, spread), rel=1e-10)
    assert told.eigenvalues.numpy() == pytest.approx(np.linalg.eigvalsh(fisher), rel=1e-10)
    assert told.log_det == pytest.approx(np.linalg.slogdet(fisher)[1], rel=1e-12)
    assert told.condition == pytest.approx(np.linalg.cond(fisher), rel=1e-9)
    assert told.decided == 1


def test_combinations_that_cannot_be_told_are_named() -> None:
    made, nothing = jacobian(), torch.zeros(5, dtype=torch.float64)
    names = ["a", "b", "c", "d", "e"]
    check_identifiable("here", made, names, nothing, "do this")
    made[:, 3] = 0.6 * made[:, 0]
    with pytest.raises(InputError) as caught:
        check_identifiable("here", made, names, nothing, "do this")
    # 0.6 a and one d change the same: 0.51 a − 0.86 d changes nothing
    assert "nothing about 0.86 d − 0.51 a (1 such combination, log det = -inf); do this" in str(caught.value)
    check_identifiable("here", made, names, torch.tensor([1.0, 0, 0, 0, 0], dtype=torch.float64), "do this")
    made[:, 1] = 0.0
    with pytest.raises(InputError, match="here: b changes no measurement of the start trajectory; do this"):
        check_identifiable("here", made, names, nothing, "do this")
    with pytest.raises(InputError, match="log det = -inf"):
        check_identifiable("here", jacobian(rows=4), names, nothing, "do this")


def test_described_leaves_out_what_is_small() -> None:
    direction = torch.tensor([0.01, -2.0, 1.0], dtype=torch.float64)
    assert described(direction, ["a", "b", "c"]) == "0.89 b − 0.45 c"
