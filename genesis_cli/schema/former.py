"""Words of before, and what stands for them now. `genesis_cli.aliases.refuse_former` reads this."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Former:
    """key: what a word is called now, `*` as in the word. advice: what to write, where no one key stands for it."""

    key: str = ""
    advice: str = ""


_QUANTITY = (
    "write the quantity itself, kind: mass for field: link_mass, centre_of_mass for link_com, damping for dof_damping, …; "
    "or kind: field"
)

#: Dotted key, or key=value -> what stands for it; `*` is one name, at the end also several. The first that fits counts.
FORMER: dict[str, Former] = {
    "solver.iterations": Former("stop.iterations"),
    "solver.windows": Former("shooting.mini_batch"),
    "solver.every": Former("shooting.whole_every"),
    "solver.learning_rate": Former("optimizer.lr"),
    "solver.*": Former("optimizer.*"),
    "solver": Former("optimizer"),
    "solvers": Former("optimizer"),
    "parameter.*.kind=physical": Former(advice=f"{_QUANTITY} with the same field"),
    "task.unknowns.*.field": Former(advice=f"{_QUANTITY} beside it"),
    "task.channels.*.joints": Former("task.channels.*.names"),
}
