"""The one matrix of blocks against one made row by row."""

import numpy as np
import pytest

from genesis.methods.residuals.matrix import matrix
from tests.methods.residuals.test_normal import NT, WINDOWS, N, blocks, dense


@pytest.mark.parametrize(("starts", "gaps"), [(False, False), (True, False), (True, True)])
def test_columns_are_those_of_the_windows(starts: bool, gaps: bool) -> None:
    made = blocks(starts, gaps)
    found = matrix(made, N + WINDOWS * NT * starts)
    assert isinstance(found, np.ndarray) is not starts
    assert np.array_equal(found if isinstance(found, np.ndarray) else found.toarray(), dense(made, starts)[0])
