"""Loops that LLVM cannot count run as Taichi's own do."""

import numpy as np
import pytest
import taichi as ti
import torch
from taichi.lang import kernel_impl
from taichi.lang.ast.ast_transformer import ASTTransformer
from taichi.lang.ast.ast_transformer_utils import ASTTransformerContext

from genesis.math.trace import replaced, tracing, uncounted_loops

SIZE = 40
REPLACED = [(ASTTransformer, "build_range_for"), (ASTTransformerContext, "get_pos_info"), (kernel_impl, "_inside_class")]


def kernel():
    """A kernel of its own at every call: Taichi traces each once."""

    @ti.kernel
    def run(out: ti.types.ndarray(dtype=ti.f64, ndim=1), size: ti.i32, skip: ti.i32):
        for e in range(size):
            total = 0.0
            for i in range(e):  # no turn for e = 0
                if i == skip:
                    continue
                for _ in range(i, e):
                    total += 1.0 / (1.0 + i)
                if total > 30.0:
                    break
            for i in range(e - 1, e):  # the index is seen, and may be -1 at the start
                total += 0.001 * i
            for k in ti.static(range(3)):
                for i in range(k):
                    total += 0.01 * i
            out[e] = total

    return run


def expected(skip: int) -> np.ndarray:
    found = np.zeros(SIZE)
    for e in range(SIZE):
        for i in range(e):
            if i == skip:
                continue
            for _ in range(i, e):
                found[e] += 1.0 / (1.0 + i)
            if found[e] > 30.0:
                break
        found[e] += 0.001 * (e - 1)
        for k in range(3):
            for i in range(k):
                found[e] += 0.01 * i
    return found


def test_uncounted_loops_do_as_counted_ones(engine):
    results = []
    for context in (tracing, uncounted_loops, None):
        out, run = torch.zeros(SIZE, dtype=torch.float64), kernel()
        if context is None:
            run(out, SIZE, 2)
        else:
            with context():
                run(out, SIZE, 2)
        results.append(out.numpy())
    np.testing.assert_array_equal(results[0], results[2])
    np.testing.assert_array_equal(results[1], results[2])
    np.testing.assert_allclose(results[2], expected(2), rtol=1e-15)


def test_a_message_names_the_line(engine):
    @ti.kernel
    def wrong(size: ti.i32):
        for _ in range(size):
            print(nobody)  # noqa: F821

    with (
        tracing(),
        pytest.raises(ti.TaichiCompilationError, match=r"(?s)test_trace\.py\", line \d+, in wrong:\n +print\(nobody\)"),
    ):
        wrong(1)


def test_everything_is_put_back():
    before = [vars(owner)[name] for owner, name in REPLACED]
    with tracing():
        assert all(vars(owner)[name] is not old for (owner, name), old in zip(REPLACED, before, strict=True))
    assert [vars(owner)[name] for owner, name in REPLACED] == before


def test_a_missing_part_is_an_attribute_error():
    """Launches then fall back on Taichi's public call."""
    with pytest.raises(AttributeError, match="ASTTransformer has no nothing"), replaced(ASTTransformer, "nothing", None):
        pass
