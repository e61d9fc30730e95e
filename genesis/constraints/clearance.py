"""Links keep apart."""

from collections.abc import Sequence
from typing import Any

import torch

from genesis.constraints.constraint import Constraint, RangedQuantity, state_window
from genesis.errors import InputError
from genesis.losses.term import TimeRows
from genesis.scene.clearance import LinkPairs
from genesis.setting import Setting
from genesis.view import View

SCALE = 0.1  # [m] that is much


class Clearance(Constraint):
    """The distance [m] of every pair of links is at least `least`; one number for each pair.

    Args:
        between: pairs of entities, links or geoms by name or pattern; None: the robot and each other entity. itself: of the robot also pairs of
            its own links that no joint joins. beyond: see `genesis.scene.clearance.LinkPairs`.
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        least: float = 0.0,
        between: Sequence[Sequence[str]] | None = None,
        itself: bool = False,
        beyond: float | None = None,
        at: Any = "all",
        tolerance: float = 1e-4,
        entity: str | None = None,
    ) -> None:
        body = setting.entity(where, entity)
        others = [name for name, one in setting.entities.items() if one is not body]
        if between is None and not others and not itself:
            raise InputError(f"{where}: there is nothing but {body.name} in the scene; itself=true keeps its own links apart.")
        if beyond is not None and beyond <= least:
            raise InputError(f"{where}.beyond is {beyond}; allowed: a distance above least={least} m, or null.")
        wanted = [[body.name, setting.entities[name].name] for name in others] if between is None else list(between)
        self.pairs = LinkPairs(where, setting.scene, wanted, [body.name] if itself else [], beyond)
        self.steps = state_window(where, at, setting)
        with torch.no_grad():  # which traces its kernel, before anything is timed
            start = (x.expand(2, *x.shape) for x in (setting.start_qpos, setting.start_qvel))
            self.pairs.measure(setting.scene.trajectory(*start), slice(0, 1))
        low = setting.start_qpos.new_full((len(self.pairs),), float(least))
        self.quantities = [
            RangedQuantity("m", self.pairs.labels, low, torch.full_like(low, torch.inf), torch.full_like(low, SCALE), tolerance)
        ]

    def measure(self, trajectory: View) -> list[TimeRows]:
        values = trajectory.distance(self.pairs, self.steps)
        return [TimeRows(values, self.steps.start, to_state=lambda: self.pairs.jacobian(trajectory.trajectory, self.steps))]
