"""Physical properties of an entity: gains, bounds, damping, masses, inertias. Setters take gradients, getters give them back.

Values may differ between environments: ([n_envs,] n_dofs) or ([n_envs,] n_links, ...).
"""

import torch

from genesis.errors import InputError, UnsupportedError
from genesis.grad.tensor import Tensor
from genesis.scene.entity_control import EntityControl
from genesis.scene.inputs import ArrayLike, Index, IndexLike, rows_of, take

XX, XY, XZ = (0, 3, 4), (3, 1, 5), (4, 5, 2)  # rows of an inertia in the core's order xx yy zz xy xz yz
ROUNDING = 1e-5  # of principal moments, relative to the largest


class EntityProperties(EntityControl):
    """Properties of degrees of freedom and links; values hold until they are set again, `scene.reset()` keeps them."""

    # ---- degrees of freedom

    def get_dofs_kp(self, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Position gains ([n_envs,] n_dofs) [N/m | Nm/rad]."""
        return self._get("dof_kp", self._dofs_at(dofs_idx_local), envs_idx)

    def set_dofs_kp(self, kp: ArrayLike, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> None:
        """Position gains ([n_envs,] n_dofs) [N/m | Nm/rad]; until set (50 rad/s)² M_ii on hinges and slides.

        M_ii: diagonal of the mass matrix in the described pose, armature included. Turns of ball and free joints have none.
        """
        solver, columns, rows = self.solver, self._dofs_at(dofs_idx_local), self.solver.envs_of(envs_idx)
        what = f'entity "{self.name}".set_dofs_kp'
        value = solver.inputs.rows_of(kp, what, (columns.n,), rows)
        turns = [k for k, dof in enumerate(columns.local) if self._qadr[dof] < 0]
        if turns and (value.detach()[:, turns] != 0.0).any():
            raise UnsupportedError(
                f'{what}: joint "{self._turning(columns.local[turns[0]])}" turns freely and has no '
                "position control; leave its turns out or give them 0."
            )
        solver.parameters.set("dof_kp", value, columns, rows, what)

    def get_dofs_kv(self, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Velocity gains ([n_envs,] n_dofs) [Ns/m | Nms/rad]."""
        return self._get("dof_kv", self._dofs_at(dofs_idx_local), envs_idx)

    def set_dofs_kv(self, kv: ArrayLike, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> None:
        """Velocity gains ([n_envs,] n_dofs) [Ns/m | Nms/rad]; until set 2 (50 rad/s) M_ii, none on a free joint."""
        self._set("set_dofs_kv", "dof_kv", kv, self._dofs_at(dofs_idx_local), envs_idx)

    def get_dofs_damping(self, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Viscous damping ([n_envs,] n_dofs) [Ns/m | Nms/rad]."""
        return self._get("dof_damping", self._dofs_at(dofs_idx_local), envs_idx)

    def set_dofs_damping(self, damping: ArrayLike, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> None:
        """Viscous damping ([n_envs,] n_dofs) [Ns/m | Nms/rad]."""
        self._set("set_dofs_damping", "dof_damping", damping, self._dofs_at(dofs_idx_local), envs_idx)

    def get_dofs_stiffness(self, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Springs of the joints ([n_envs,] n_dofs) [N/m | Nm/rad]."""
        return self._get("dof_stiffness", self._dofs_at(dofs_idx_local), envs_idx)

    def set_dofs_stiffness(self, stiffness: ArrayLike, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> None:
        """Springs of the joints ([n_envs,] n_dofs) [N/m | Nm/rad], at rest where the file says."""
        self._set("set_dofs_stiffness", "dof_stiffness", stiffness, self._dofs_at(dofs_idx_local), envs_idx)

    def get_dofs_armature(self, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Rotor inertias ([n_envs,] n_dofs) [kg | kg m²]."""
        return self._get("dof_armature", self._dofs_at(dofs_idx_local), envs_idx)

    def set_dofs_armature(self, armature: ArrayLike, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> None:
        """Rotor inertias ([n_envs,] n_dofs) [kg | kg m²]."""
        self._set("set_dofs_armature", "dof_armature", armature, self._dofs_at(dofs_idx_local), envs_idx)

    def get_dofs_force_range(self, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> tuple[Tensor, Tensor]:
        """Least and greatest joint force of the controls, each ([n_envs,] n_dofs) [N | Nm]."""
        columns = self._dofs_at(dofs_idx_local)
        return self._get("dof_force_lo", columns, envs_idx), self._get("dof_force_hi", columns, envs_idx)

    def set_dofs_force_range(
        self, lower: ArrayLike, upper: ArrayLike, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None
    ) -> None:
        """Least and greatest joint force of the controls, each ([n_envs,] n_dofs) [N | Nm]; infinite for none."""
        what, columns, rows = (
            f'entity "{self.name}".set_dofs_force_range',
            self._dofs_at(dofs_idx_local),
            self.solver.envs_of(envs_idx),
        )
        lo, hi = (self.solver.inputs.rows_of(x, what, (columns.n,), rows) for x in (lower, upper))
        if (lo.detach() > hi.detach()).any():
            raise InputError(f"{what}: a lower bound is above its upper bound.")
        self.solver.parameters.set("dof_force_lo", lo, columns, rows, what)
        self.solver.parameters.set("dof_force_hi", hi, columns, rows, what)

    # ---- links

    def get_links_mass(self, links_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Masses ([n_envs,] n_links) [kg]."""
        return self._get("link_mass", self._links_at(links_idx_local), envs_idx)

    def set_links_mass(self, mass: ArrayLike, links_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> None:
        """Masses ([n_envs,] n_links) [kg]; inertias stay. See `set_mass` to scale both."""
        self._set("set_links_mass", "link_mass", mass, self._links_at(links_idx_local), envs_idx)

    get_links_inertial_mass = get_links_mass
    set_links_inertial_mass = set_links_mass

    def get_links_COM(self, links_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Centres of mass in the link frames ([n_envs,] n_links, 3) [m].

        In the world frame: `get_links_pos(ref=gs.link_ref_frame.link_COM)`.
        """
        return self._get("link_com", self._links_at(links_idx_local), envs_idx)

    def set_links_COM(self, com: ArrayLike, links_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> None:
        """Centres of mass in the link frames ([n_envs,] n_links, 3) [m]."""
        self._set("set_links_COM", "link_com", com, self._links_at(links_idx_local), envs_idx)

    def get_links_inertia(self, links_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Inertias about the centres of mass in link axes ([n_envs,] n_links, 3, 3) [kg m²]."""
        six = take(self.solver.parameters.value("link_inertia"), self._links_at(links_idx_local))
        return self.solver.give(six[..., [XX, XY, XZ]], self.solver.envs_of(envs_idx))

    def set_links_inertia(self, inertia: ArrayLike, links_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> None:
        """Inertias about the centres of mass in link axes ([n_envs,] n_links, 3, 3) [kg m²].

        Raises: InputError (shape, not finite, not symmetric, a principal moment below zero).
        """
        what, columns, rows = (
            f'entity "{self.name}".set_links_inertia',
            self._links_at(links_idx_local),
            self.solver.envs_of(envs_idx),
        )
        full = self.solver.inputs.rows_of(inertia, what, (columns.n, 3, 3), rows)
        self.solver.inputs.finite(full, what)
        if not torch.allclose(full.detach(), full.detach().mT, rtol=1e-4, atol=1e-12):
            raise InputError(f"{what}: an inertia is not symmetric.")
        full = 0.5 * (full + full.mT)
        moments = torch.linalg.eigvalsh(full.detach())
        wrong = moments[..., 0] < -ROUNDING * moments.abs().amax(-1)
        if wrong.any():
            env, k = (int(i) for i in wrong.nonzero()[0])
            raise InputError(
                f'{what}: link "{self.links[columns.local[k]].name}" has a principal moment of {moments[env, k, 0].item():g} kg m²; '
                "allowed: 0 or more."
            )
        six = torch.stack([full[..., i, k] for i, k in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))], -1)
        self.solver.parameters.set("link_inertia", six, columns, rows, what)

    def get_mass(self, envs_idx: IndexLike = None) -> Tensor:
        """Total mass ([n_envs]) [kg]."""
        return self.get_links_mass(None, envs_idx).sum(-1)

    def set_mass(self, mass: ArrayLike, envs_idx: IndexLike = None) -> None:
        """Total mass ([n_envs]) [kg]: masses and inertias of all links in proportion."""
        self.scale_mass("set_mass", mass, self._links_at(None), envs_idx)

    def scale_mass(self, method: str, mass: ArrayLike, columns: Index, envs_idx: IndexLike) -> None:
        """Total mass ([n_envs]) [kg] of some links: their masses and inertias in proportion."""
        what, solver, rows = f'entity "{self.name}".{method}', self.solver, self.solver.envs_of(envs_idx)
        made = solver.inputs.rows_of(mass, what, (), rows).reshape(-1)
        solver.inputs.finite(made, what, 0.0)
        old, inertia = (rows_of(take(solver.parameters.value(k), columns), rows) for k in ("link_mass", "link_inertia"))
        if (old.detach().sum(-1) == 0.0).any():
            raise InputError(f"{what}: there is no mass to scale; use set_links_mass.")
        ratio = made[:, None] / old.sum(-1, keepdim=True)
        solver.parameters.set("link_mass", old * ratio, columns, rows, what)
        solver.parameters.set("link_inertia", inertia * ratio[..., None], columns, rows, what)

    def _get(self, name: str, columns: Index, envs_idx: IndexLike) -> Tensor:
        return self.solver.give(take(self.solver.parameters.value(name), columns), self.solver.envs_of(envs_idx))

    def _set(self, method: str, name: str, value: ArrayLike, columns: Index, envs_idx: IndexLike) -> None:
        solver, rows, what = self.solver, self.solver.envs_of(envs_idx), f'entity "{self.name}".{method}'
        tail = (columns.n, *solver.parameters.value(name).shape[2:])
        made = solver.inputs.rows_of(value, what, tail, rows)
        solver.parameters.set(name, made, columns, rows, what)
