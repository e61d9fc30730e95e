"""How kernels are traced: plain Python functions build expressions, LLVM leaves loops as they are, and no time goes into messages.

LLVM unrolls a loop whose turns it can count, and looks for cheaper ways to write every address that goes through its index. The loops of
the dynamics are short and many: of a kernel with contact that took two thirds of the time to compile it and 0.85 of the time to turn it into
machine code in every later process, and what came out ran no faster. Here turns are counted through a mask that never acts (no loop is that
long), which hides from LLVM that it counts.

For every piece of syntax Taichi lays out the line it stands in, underlined and wrapped, for messages that a sound kernel never shows; that was
a quarter of the time to trace. Here the plain line has to do. Another tenth went into asking whether functions of Taichi's own library stand in
a class, by reading their source; they do not.

A part that needs more digits than the precision of the kernel is traced in float64 (`in_double`).

Like `lanes.py` this touches the internals of Taichi's front end.
"""

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from taichi._lib import core
from taichi.lang import impl, kernel_impl, ops
from taichi.lang.ast import ast_transformer
from taichi.lang.ast.ast_transformer_utils import ASTTransformerContext
from taichi.lang.expr import Expr
from taichi.types.primitive_types import f64, i32

LONGEST = 0x3FFFFFFF  # turns


@contextlib.contextmanager
def tracing() -> Iterator[None]:
    """Around whatever may trace a kernel: its first call, or its compilation."""
    with (
        warnings.catch_warnings(),
        uncounted_loops(),
        replaced(ASTTransformerContext, "get_pos_info", place_of),
        replaced(kernel_impl, "_inside_class", lambda *_, **__: False),
    ):
        # plain Python functions that build expressions while a kernel is traced are intended here
        warnings.filterwarnings("ignore", message=r"(?s).*Calling non-taichi function.*")
        yield


@contextlib.contextmanager
def replaced(owner: Any, name: str, stand_in: Any) -> Iterator[None]:
    """A part of Taichi's front end is another one meanwhile. Raises: AttributeError if this Taichi has no such part."""
    if name not in vars(owner):
        raise AttributeError(f"{owner.__name__} has no {name}")
    original = vars(owner)[name]
    setattr(owner, name, stand_in)
    try:
        yield
    finally:
        setattr(owner, name, original)


def place_of(ctx, node) -> str:
    """Where a piece of syntax stands, as a message tells it."""
    return (
        f'File "{ctx.file}", line {node.lineno + ctx.lineno_offset}, in {ctx.func.func.__name__}:\n{ctx.src[node.lineno - 1]}\n'
    )


@contextlib.contextmanager
def uncounted_loops() -> Iterator[None]:
    """Kernels that are traced meanwhile get such loops, but for the outermost ones of a kernel, which run in parallel."""
    transformer = ast_transformer.ASTTransformer
    counted = transformer.build_range_for

    def build(ctx, node):
        return counted(ctx, node) if ctx.is_kernel and len(ctx.loop_scopes) == 1 else _uncounted(ctx, node)

    with replaced(transformer, "build_range_for", staticmethod(build)):
        yield


def _uncounted(ctx, node) -> None:
    """`for name in range(...)`. The turn is counted first, so that `continue` needs no care."""
    builder, place = ctx.ast_builder, core.DebugInfo(ctx.get_pos_info(node))
    with ctx.variable_scope_guard():
        name = node.target.id
        ctx.check_loop_var(name)
        *begin, end = (impl.expr_init(ops.cast(Expr(ast_transformer.build_stmt(ctx, bound)), i32)) for bound in node.iter.args)
        turns, turn = impl.expr_init(end - begin[0] if begin else end), impl.expr_init(Expr(-1, dtype=i32))
        builder.begin_frontend_while(Expr(1, dtype=i32).ptr, place)
        ops.assign(turn, (turn + 1) & LONGEST)
        impl.begin_frontend_if(builder, turn < turns, place)
        builder.begin_frontend_if_true()
        builder.pop_scope()
        builder.begin_frontend_if_false()
        builder.insert_break_stmt(place)
        builder.pop_scope()
        ctx.create_variable(name, impl.expr_init(begin[0] + turn if begin else turn))
        ast_transformer.build_stmts(ctx, node.body)
        builder.pop_scope()


def in_double(function: Callable) -> Callable:
    """A Taichi function whose numbers and sums are float64, also inside a kernel of float32.

    A variable takes the type of its first value, and a sum that begins with the literal 0.0 would be rounded to the precision of the kernel
    at every term. What is read from float64 memory stays float64; what is written to other memory is rounded there.
    """

    @functools.wraps(function)
    def traced(*arguments):
        runtime = impl.get_runtime()
        usual, runtime.default_fp = runtime.default_fp, f64
        try:
            return function(*arguments)
        finally:
            runtime.default_fp = usual

    return traced
