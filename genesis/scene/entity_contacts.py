"""What an entity touches: its contacts, the forces on its links, and the materials of its geoms."""

import numpy as np
import torch

from genesis.errors import InputError
from genesis.grad.tensor import Tensor
from genesis.model.names import dof_name
from genesis.scene.contacts import ContactTable
from genesis.scene.entity_properties import EntityProperties
from genesis.scene.geoms import ROLLING, SLIDING, TORSIONAL, RigidGeom, check_condim
from genesis.scene.inputs import ArrayLike, Index, Indexer, IndexLike, take
from genesis.scene.solver import RigidSolver


class EntityContacts(EntityProperties):
    """Contacts and contact materials of an entity.

    Contacts are those of the last step, at the state it started from and with the forces that acted in it; where the state has been set
    since, or no step was taken, those of the state now under the controls of now.
    """

    def bind(self, solver: RigidSolver) -> None:
        super().bind(solver)
        model, first = solver.model, self.info.geom_start
        mine = [row for row, k in enumerate(model.contact_geoms) if first <= k < first + self.info.n_geoms]
        self._geom_rows = Indexer(f'entity "{self.name}": geoms', len(mine), mine[0] if mine else 0, solver.inputs.device)
        row_of = {model.contact_geoms[row]: local for local, row in enumerate(mine)}
        self._geoms = [RigidGeom(self, model.geoms[k], k, row_of.get(k, -1)) for k in range(first, first + self.info.n_geoms)]
        for link in self.links:
            link.geoms = [geom for geom in self._geoms if geom.link is link]

    @property
    def geoms(self) -> list[RigidGeom]:
        _ = self.solver  # raises
        return self._geoms

    # ---- contacts

    def get_contacts(
        self, with_entity: "EntityContacts | None" = None, exclude_self_contact: bool = False, is_padded: bool = True
    ) -> dict[str, Tensor] | dict[str, tuple[Tensor, ...]]:
        """Contacts of this entity: dict of geom_a, geom_b, link_a, link_b (numbers in the scene, -1 for the world), position and normal
        (3, from a to b), force_a, force_b (3) [N] on each, penetration [m]; all in the world frame and differentiable.

        Shapes (n_contacts, ...); with environments (n_envs, most contacts, ...) and valid_mask (n_envs, most contacts), or with
        is_padded=False a tuple of (n_contacts, ...), one for each environment.

        with_entity: only contacts with this entity; itself for those between its own links. exclude_self_contact: without these.
        """
        solver = self.solver
        if with_entity is self and exclude_self_contact:
            raise InputError(
                f'entity "{self.name}".get_contacts: with_entity is itself, and exclude_self_contact leaves nothing.'
            )
        rows, table = solver.contact_rows()
        wanted = self._wanted(table, with_entity, exclude_self_contact)
        found = table.listed(rows, wanted)
        if solver.n_envs and is_padded:
            return {name: solver.give(x) for name, x in found.items()}
        valid = found.pop("valid_mask")
        parts = {name: tuple(solver.give_row(x[e][valid[e]]) for e in range(solver.rows)) for name, x in found.items()}
        return parts if solver.n_envs else {name: x[0] for name, x in parts.items()}

    def get_links_net_contact_force(self, envs_idx: IndexLike = None) -> Tensor:
        """Sum of the contact forces on each link in the world frame ([n_envs,] n_links, 3) [N]; differentiable."""
        rows, table = self.solver.contact_rows()
        return self.solver.give(take(table.net_forces(rows), self._links_at(None)), self.solver.envs_of(envs_idx))

    def _wanted(self, table: ContactTable, other: "EntityContacts | None", exclude_self: bool) -> torch.Tensor:
        """Which candidates (ncand + 1) concern this entity (and the other one)."""
        a, b = (
            (table.geoms >= e.info.geom_start) & (table.geoms < e.info.geom_start + e.info.n_geoms) for e in (self, other or self)
        )
        if other is not None and other is not self:
            return (a[:, 0] & b[:, 1]) | (a[:, 1] & b[:, 0])
        inside = a.all(1)
        return inside if other is self else a.any(1) & ~inside if exclude_self else a.any(1)

    # ---- materials

    def set_friction(self, friction: ArrayLike, envs_idx: IndexLike = None) -> None:
        """Sliding friction of all its geoms, one number or (n_envs,); the larger one of two geoms that touch counts."""
        self._set_friction("set_friction", SLIDING, friction, envs_idx)

    def set_friction_torsional(self, friction: ArrayLike, envs_idx: IndexLike = None) -> None:
        """Torsional friction [m] of all its geoms, one number or (n_envs,); acts in contacts of condim 4 and 6."""
        self._set_friction("set_friction_torsional", TORSIONAL, friction, envs_idx)

    def set_friction_rolling(self, friction: ArrayLike, envs_idx: IndexLike = None) -> None:
        """Rolling friction [m] of all its geoms, one number or (n_envs,); acts in contacts of condim 6."""
        self._set_friction("set_friction_rolling", ROLLING, friction, envs_idx)

    def _set_friction(self, method: str, kind: int, value: ArrayLike, envs_idx: IndexLike) -> None:
        what, rows = f'entity "{self.name}".{method}', self.solver.envs_of(envs_idx)
        made = self.solver.inputs.rows_of(value, what, (), rows).reshape(-1, 1)
        self.put_friction(what, kind, made, self._geom_rows.all, rows)

    def put_friction(self, what: str, kind: int, value: torch.Tensor, columns: Index, rows: Index | None) -> None:
        """One kind of friction (b, 1) of some geoms. Raises: InputError for a kind that no contact of theirs has."""
        solver = self.solver
        check_condim(solver.model, kind, columns, what)
        now = take(solver.parameters.value("geom_friction"), columns)
        now = now if rows is None or now.shape[0] == 1 else now.index_select(0, rows.tensor)
        count = max(now.shape[0], value.shape[0])
        parts = [x.expand(count, columns.n) for x in now.unbind(-1)]
        parts[kind] = value.expand(count, columns.n)
        solver.parameters.set("geom_friction", torch.stack(parts, -1), columns, rows, what)

    def get_friction_ratio(self, links_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Factor on the sliding friction of each link's geoms ([n_envs,] n_links); 1 until set, also for links without geoms."""
        solver, links = self.solver, self._links_at(links_idx_local)
        ratio = solver.parameters.value("friction_ratio")
        first = [self._rows_of_link(link) for link in links.local]
        columns = [ratio[:, geoms.tensor[0]] if geoms.n else torch.ones_like(ratio[:, :1])[:, 0] for geoms in first]
        return solver.give(torch.stack(columns, 1), solver.envs_of(envs_idx))

    def set_friction_ratio(
        self, friction_ratio: ArrayLike, links_idx_local: IndexLike = None, envs_idx: IndexLike = None
    ) -> None:
        """Factor on the sliding friction of each link's geoms ([n_envs,] n_links)."""
        solver, what, links = self.solver, f'entity "{self.name}".set_friction_ratio', self._links_at(links_idx_local)
        rows = solver.envs_of(envs_idx)
        made = solver.inputs.rows_of(friction_ratio, what, (links.n,), rows)
        for k, link in enumerate(links.local):
            geoms = self._rows_of_link(link)
            if geoms.n:
                solver.parameters.set("friction_ratio", made[:, k : k + 1].expand(-1, geoms.n), geoms, rows, what)

    def _rows_of_link(self, link: int) -> Index:
        return self._geom_rows(tuple(g.row for g in self.links[link].geoms if g.row >= 0))

    # ---- dry friction and limits

    def get_dofs_frictionloss(self, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Dry friction ([n_envs,] n_dofs) [N | Nm]."""
        return self._get("dof_frictionloss", self._dofs_at(dofs_idx_local), envs_idx)

    def set_dofs_frictionloss(
        self, frictionloss: ArrayLike, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None
    ) -> None:
        """Dry friction ([n_envs,] n_dofs) [N | Nm]."""
        if self.scene.rigid_options.disable_constraint:
            raise InputError(
                f'entity "{self.name}".set_dofs_frictionloss: RigidOptions(disable_constraint=True) leaves dry friction out; '
                "build the scene without it."
            )
        self._set("set_dofs_frictionloss", "dof_frictionloss", frictionloss, self._dofs_at(dofs_idx_local), envs_idx)

    def get_dofs_invweight(self, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Mean inverse inertia of each joint at the configuration of the file ([n_envs,] n_dofs) [1/kg | 1/(kg m²)]."""
        return self._get("dof_invweight", self._dofs_at(dofs_idx_local), envs_idx)

    def get_links_invweight(self, links_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Mean inverse inertia of each link, translation and rotation ([n_envs,] n_links, 2) [1/kg, 1/(kg m²)]."""
        return self._get("link_invweight", self._links_at(links_idx_local), envs_idx)

    def get_dofs_limit(self, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> tuple[Tensor, Tensor]:
        """Least and greatest position, each ([n_envs,] n_dofs) [m | rad]; infinite where there is none. Also where limits are not
        simulated (RigidOptions(enable_joint_limit=False)): those of the file."""
        solver, columns = self.solver, self._dofs_at(dofs_idx_local)
        limits = self._described_limits()
        dofs = sorted(self._limit_rows)
        if dofs:
            now = solver.parameters.value("limit_range")[:, [self._limit_rows[dof] for dof in dofs]]
            index = torch.tensor(dofs, device=now.device)
            limits = limits.expand(now.shape[0], -1, -1).index_copy(1, index, now)
        limits, rows = limits[:, list(columns.local)], solver.envs_of(envs_idx)
        return solver.give(limits[..., 0], rows), solver.give(limits[..., 1], rows)

    def set_dofs_limit(
        self, lower: ArrayLike, upper: ArrayLike, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None
    ) -> None:
        """Least and greatest position, each ([n_envs,] n_dofs) [m | rad]; infinite for none.

        Raises: InputError for a joint without a limit in its file, and where limits are not simulated.
        """
        solver, what, columns = self.solver, f'entity "{self.name}".set_dofs_limit', self._dofs_at(dofs_idx_local)
        for dof in columns.local:
            if dof not in self._limit_rows:
                name = dof_name(solver.model, self.dof_start + dof)
                off = solver.model.sizes["nlimit"] == 0 and bool(torch.isfinite(self._described_limits()[0, dof]).any())
                why = "RigidOptions switches limits off" if off else "its file gives none; write one there, wide if need be"
                raise InputError(f'{what}: there is no limit of "{name}" to set: {why}.')
        rows = solver.envs_of(envs_idx)
        lo, hi = (solver.inputs.rows_of(x, what, (columns.n,), rows) for x in (lower, upper))
        if (lo.detach() > hi.detach()).any():
            raise InputError(f"{what}: a lower limit is above its upper limit.")
        count = max(lo.shape[0], hi.shape[0])
        made = torch.stack([x.expand(count, -1) for x in (lo, hi)], -1)
        at = Indexer(what, solver.model.sizes["nlimit"], 0, solver.inputs.device)(
            [self._limit_rows[dof] for dof in columns.local]
        )
        solver.parameters.set("limit_range", made, at, rows, what)

    @property
    def _limit_rows(self) -> dict[int, int]:
        """Degree of freedom of the entity -> row of its limit."""
        i, first = self.solver.model.integers, self.dof_start
        found = {}
        for row, joint in enumerate(i["limit_jnt"].tolist()):
            dof = int(i["jnt_dof"][joint]) - first
            if i["jnt_owner"][joint] and 0 <= dof < self.n_dofs and self._qadr[dof] >= 0:
                found[dof] = row
        return found

    def _described_limits(self) -> torch.Tensor:
        """(1, n_dofs, 2)"""
        limits = [(-np.inf, np.inf)] * self.n_dofs
        for joint in self.joints:
            if joint.kind.scalar and joint.n_dofs:
                limits[joint.dofs_idx_local[0]] = joint.limit
        inputs = self.solver.inputs
        return torch.tensor(limits, dtype=inputs.dtype, device=inputs.device).reshape(1, -1, 2)
