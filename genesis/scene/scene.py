"""gs.Scene: entities, time, and everything that concerns them all."""

from collections.abc import Mapping, Sequence
from itertools import count
from os import PathLike
from typing import Any, NoReturn

import numpy as np
import torch

from genesis import runtime
from genesis.errors import InputError, StateError, UnsupportedError, unknown_name
from genesis.grad.eager import eager
from genesis.grad.physics import Physics
from genesis.grad.tensor import Tensor
from genesis.grad.transforms import outside
from genesis.model.compile import Placed, compile_model
from genesis.replay.viewpoint import Viewpoint
from genesis.scene import checkpoint
from genesis.scene.camera import PinholeCamera, camera_of, envs_offset
from genesis.scene.entity import RigidEntity
from genesis.scene.file_options import Settled, asked_for, name_differences, settle
from genesis.scene.inputs import ArrayLike, IndexLike, UserValues
from genesis.scene.materials import Rigid
from genesis.scene.morphs import Morph
from genesis.scene.notices import warn_not_simulated
from genesis.scene.options import RigidOptions, SimOptions
from genesis.scene.parts import RigidJoint, RigidLink
from genesis.scene.refusals import instance, refuse_attribute, refuse_others
from genesis.scene.rollouts import Rollouts
from genesis.scene.scene_functions import SceneFunctions
from genesis.scene.solver import RigidSolver
from genesis.scene.states import SimState
from genesis.scene.trajectory import Trajectory
from genesis.scene.viewer import SceneViewer

_numbers = count(1)


class Scene(SceneFunctions):
    """Entities that are simulated together, in ``n_envs`` independent environments.

    show_viewer: `build` opens the state in the browser, `scene.viewer`, which `step` keeps up to date. show_FPS: accepted, without effect.

    Make it, add entities, `build`, then set, control, `step` and read; or ask for whole trajectories with `rollout`. Shapes are
    ([n_envs,] ...): without an environment axis if the scene was built with n_envs = 0.
    """

    def __init__(
        self,
        *,
        sim_options: SimOptions | None = None,
        rigid_options: RigidOptions | None = None,
        show_viewer: bool | None = None,
        show_FPS: bool | None = None,
        **others: object,
    ) -> None:
        state = runtime.state()
        self.sim_options = instance("sim_options", sim_options, SimOptions)
        self.rigid_options = instance("rigid_options", rigid_options, RigidOptions)
        refuse_others(others)
        if None not in (both := {self.rigid_options.dt, self.sim_options.dt}) and len(both) > 1:
            raise InputError(
                f"Scene: rigid_options.dt is {self.rigid_options.dt:g} s and sim_options.dt {self.sim_options.dt:g} s; give one."
            )
        self.uid = next(_numbers)
        self._asked = asked_for(self.sim_options, self.rigid_options)
        self.substeps = int(self.sim_options.substeps)
        self.requires_grad = bool(self.sim_options.requires_grad)
        self.n_envs = 0
        self.entities: list[RigidEntity] = []
        self.cameras: list[PinholeCamera] = []
        self.viewer: SceneViewer | None = None
        self._show_viewer = bool(show_viewer)
        self.envs_offset = np.zeros((1, 3))  # where the worlds of the environments stand in a picture (rows, 3) [m]
        self._generation = state.generation
        self._solver: RigidSolver | None = None

    # ---- making

    def add_entity(
        self,
        morph: Morph,
        material: Rigid | None = None,
        surface: object = None,
        visualize_contact: bool = False,
        vis_mode: str | None = None,
        name: str | None = None,
    ) -> RigidEntity:
        """Add what the morph describes; files are read now.

        Raises: StateError after `build`, InputError for a name that is taken, and what reading the file raises.
        """
        if self._solver is not None:
            raise StateError("scene.add_entity: the scene is built already; add entities before scene.build().")
        for option, value in (("surface", surface), ("visualize_contact", visualize_contact or None), ("vis_mode", vis_mode)):
            if value is not None:
                raise UnsupportedError(
                    f"scene.add_entity: {option} is not supported (bodies look as their files say); leave it out."
                )
        if not isinstance(morph, Morph):
            raise InputError(f"scene.add_entity: {morph!r} is no morph; allowed: gs.morphs.URDF(...), gs.morphs.Box(...), …")
        material = instance("material", material, Rigid)
        description = morph.describe(material)
        taken = [entity.name for entity in self.entities]
        if name is not None and name in taken:
            raise InputError(f'scene.add_entity: there is already an entity "{name}"; give another name.')
        if name is None:
            name, number = description.name, 0
            while name in taken:
                number += 1
                name = f"{description.name}_{number}"
        entity = RigidEntity(self, morph, material, description, name, len(self.entities))
        self.entities.append(entity)
        return entity

    def add_camera(
        self,
        model: str = "pinhole",
        res: tuple[int, int] = (320, 320),
        pos: Sequence[float] = (0.5, 2.5, 3.5),
        lookat: Sequence[float] = (0.5, 0.5, 0.5),
        up: Sequence[float] = (0.0, 0.0, 1.0),
        fov: float = 30,
        aperture: float = 2.8,
        focus_dist: float | None = None,
        GUI: bool = False,  # noqa: N803 (the documented name)
        spp: int = 256,
        denoise: bool = True,
        near: float = 0.05,
        far: float = 100.0,
        transform: np.ndarray | None = None,
        env_idx: int | None = None,
        debug: bool = False,
    ) -> PinholeCamera:
        """A camera whose `render` gives pictures of the scene's state; needs the extra `video`, and neither a display nor a graphics card.

        res (width, height); pos, lookat [m], up, or transform (4, 4) with x to the right, y up, z backwards; fov: vertical [degrees].
        env_idx: the only environment to see, in its own world; None: all where `build` sets them apart by env_spacing, else the first.
        aperture, focus_dist, spp, denoise and debug have no effect: a pinhole has no lens, and no rays are traced.

        Raises: InputError for a camera that sees nothing, UnsupportedError for another model.
        """
        view = Viewpoint(np.asarray(pos, float), np.asarray(lookat, float), np.asarray(up, float), float(fov), near, far)
        self.cameras.append(camera_of(self, len(self.cameras), model, res, view, GUI, transform, env_idx))
        return self.cameras[-1]

    def build(
        self,
        n_envs: int = 0,
        env_spacing: tuple[float, float] = (0.0, 0.0),
        n_envs_per_row: int | None = None,
        center_envs_at_origin: bool = True,
    ) -> None:
        """Compile the model for ``n_envs`` environments (0: one, without an environment axis).

        env_spacing and the two options after it place environments in a picture; every environment has its own world at the
        origin.

        Raises: StateError if built already, ModelError and UnsupportedError for what cannot be simulated.
        """
        if self._solver is not None:
            raise StateError("scene.build: the scene is built already.")
        if self._generation != runtime.state().generation:
            raise StateError("scene.build: the scene was made before gs.init() was called again; make a new one.")
        if not isinstance(n_envs, int) or isinstance(n_envs, bool) or n_envs < 0:
            raise InputError(f"scene.build: n_envs is {n_envs!r}; allowed: 0, 1, 2, …")
        if n_envs_per_row is not None and n_envs_per_row < 1:
            raise InputError(f"scene.build: n_envs_per_row is {n_envs_per_row!r}; allowed: 1, 2, …, or None.")
        if not self.entities:
            raise StateError("scene.build: there is no entity; call scene.add_entity() first.")
        placed = [
            Placed(e.description, e.name, torch.tensor(e.morph.pos).double().numpy(), torch.tensor(e.morph.quat).double().numpy())
            for e in self.entities
        ]
        settled = self._settled()
        model = compile_model(placed, settled.gravity, self.rigid_options.request())
        state = runtime.state()
        physics = Physics(
            model, dt=settled.dt, substeps=self.substeps, integrator=settled.integrator, implicit_damping=settled.implicit_damping
        )
        inputs = UserValues(self, state.dtype, state.device, self.requires_grad, max(n_envs, 1), n_envs > 0)
        self.n_envs = n_envs
        self.envs_offset = envs_offset(n_envs, env_spacing, n_envs_per_row, center_envs_at_origin)
        solver = RigidSolver(self, model, physics, inputs, n_envs, checked=state.debug)
        for entity in self.entities:
            entity.bind(solver)
        solver.entities = self.entities
        warn_not_simulated(self.entities, physics)
        name_differences([(e.name, e.description.options) for e in self.entities], settled, self._asked, physics)
        self._solver, self._rollouts = solver, Rollouts(solver)
        if self._show_viewer:
            self.viewer = SceneViewer(solver, self.envs_offset)

    def _settled(self) -> Settled:
        """Settings that the user, the files of the entities there are, or defaults decide."""
        return settle([entity.description.options for entity in self.entities], self._asked)

    # ---- running

    @eager
    def step(self, update_visualizer: bool = True, refresh_visualizer: bool = True) -> None:
        """Advance every environment by dt, and let the viewer follow if there is one, unless either argument says no.

        Raises: StateError before `build`, DivergenceError, InputError if a control is not finite.
        """
        solver = self._solver
        if solver is None or self._generation != runtime._generation:
            self._refuse("step")
        solver.step()
        if self.viewer is not None and update_visualizer and refresh_visualizer:
            self.viewer.update(force=False)

    @eager
    def reset(self, state: SimState | None = None, envs_idx: IndexLike = None) -> None:
        """Back to the state at build, or to ``state`` (with its graph; `state.detach()` without). Controls are cleared,
        properties stay.

        With envs_idx only these environments go back, and time goes on.
        """
        solver = self._ready("reset")
        if state is not None and not isinstance(state, SimState):
            raise InputError(f"scene.reset: {type(state).__name__} is no state; allowed: what scene.get_state() returns.")
        with outside():
            solver.reset(None if state is None else state.rigid, solver.envs_of(envs_idx))

    @eager
    def get_state(self) -> SimState:
        """The state now, with its graph."""
        rigid = self._ready("get_state").get_state()
        return SimState(self, rigid.s_global, [rigid])

    def detach(self) -> None:
        """Cut the state from the graph of torch: gradients of later losses stop here (truncated backpropagation)."""
        self._ready("detach").detach()

    def backward(self, loss: torch.Tensor, *args: Any, **kwargs: Any) -> SimState:
        """`loss.backward(...)`: gradients flow through the scene to whatever requires them. Returns: the state now, detached."""
        self._ready("backward")
        loss.backward(*args, **kwargs)
        with torch.no_grad():
            return self.get_state().detach()

    @eager
    def rollout(
        self,
        controls: ArrayLike | None = None,
        *,
        kind: str = "force",
        qpos: ArrayLike | None = None,
        qvel: ArrayLike | None = None,
        act_ctrl: ArrayLike | None = None,
        params: Mapping[str, ArrayLike] | None = None,
        truncate: int | None = None,
        clip: float | None = None,
    ) -> Trajectory:
        """T steps in one launch, with the numbers and gradients of a loop over `step`; the scene moves to the final state.

        Args:
            controls: (T, [n_envs,] nv) for all degrees of freedom of the scene, as ``kind`` says: joint forces, target
                positions (at rest) or target velocities. None: no joint control.
            qpos, qvel: ([n_envs,] nq), ([n_envs,] nv) initial state; None: the scene's state now.
            act_ctrl: (T, [n_envs,] nu) controls of the actuators of model files; None: they exert no force.
            params: physical parameters by core name, see `physical_parameters`, each ([n_envs,] ...), in place of the scene's.
            truncate: gradients do not pass the states before steps truncate, 2 truncate, ... (truncated backpropagation through time).
            clip: the largest norm of the gradient in a state (tangent and velocity together), per environment, on its way back.
                With either the gradient is no longer exact; None: exact.

        Gradients reach every tensor given here whatever `SimOptions.requires_grad` says. Time goes on from the scene's, also
        where an initial state is given.

        Raises: InputError (shapes, numbers that are not finite), UnknownNameError, DivergenceError, ContactOverflowError; their steps
        count from the start of this rollout.
        """
        self._ready("rollout")
        return self._rollouts.rollout(controls, kind, qpos, qvel, act_ctrl, params, self.requires_grad, truncate, clip)

    # ---- settings of all

    def set_gravity(self, gravity: ArrayLike, envs_idx: IndexLike = None) -> None:
        """Gravity (3,) or (n_envs, 3) [m/s²]; differentiable."""
        self._ready("set_gravity").set_gravity(gravity, envs_idx)

    def get_gravity(self, envs_idx: IndexLike = None) -> Tensor:
        """([n_envs,] 3) [m/s²]"""
        return self._ready("get_gravity").get_gravity(envs_idx)

    def get_solver_report(self) -> dict[str, Tensor]:
        """Of the last step or rollout, each ([n_envs]): ``contacts`` in its last step, ``iterations`` of the constraint solver in all
        its steps, ``residual``: the largest part of the forces left out of balance, relative to the largest force."""
        return self._ready("get_solver_report").get_solver_report()

    # ---- storing

    def save_checkpoint(self, path: str | PathLike[str]) -> None:
        """Write state, time, properties and controls to a file."""
        checkpoint.save(self._ready("save_checkpoint"), path)

    def load_checkpoint(self, path: str | PathLike[str]) -> None:
        """Read what `save_checkpoint` wrote. Raises: InputError for another file, or one of another scene."""
        with outside():
            checkpoint.load(self._ready("load_checkpoint"), path)

    # ---- what there is

    def get_entity(self, name: str) -> RigidEntity:
        """Raises: UnknownNameError listing the entities."""
        for entity in self.entities:
            if entity.name == name:
                return entity
        raise unknown_name("scene", "entity", name, [entity.name for entity in self.entities])

    @property
    def dt(self) -> float:
        """Time of one step [s]; before `build` with the entities there are so far."""
        return self._settled().dt if self._solver is None else self._solver.physics.dt

    def get_time(self) -> float:
        """Simulated time [s]."""
        return self.t * self.dt

    @property
    def t(self) -> int:
        """Steps taken since the last reset."""
        return 0 if self._solver is None else self._solver.steps

    @property
    def cur_t(self) -> float:
        """Simulated time [s]."""
        return self.get_time()

    @property
    def is_built(self) -> bool:
        return self._solver is not None

    @property
    def gravity(self) -> Tensor:
        return self.get_gravity()

    @property
    def rigid_solver(self) -> RigidSolver:
        return self._ready("rigid_solver")

    @property
    def solvers(self) -> list[RigidSolver]:
        return [self.rigid_solver]

    @property
    def sim(self) -> "Scene":
        """The scene itself: `scene.sim.set_gravity`, `scene.sim.rigid_solver` of the documented API."""
        return self

    @property
    def links(self) -> list[RigidLink]:
        """Links of all entities, by number in the scene."""
        return self._ready("links").links

    @property
    def joints(self) -> list[RigidJoint]:
        """Joints of all entities, by number in the scene."""
        return self._ready("joints").joints

    def _ready(self, method: str) -> RigidSolver:
        if self._solver is None or self._generation != runtime._generation:
            self._refuse(method)
        return self._solver

    def _refuse(self, method: str) -> NoReturn:
        if self._solver is None:
            raise StateError(f"scene.{method}: the scene is not built; call scene.build() first.")
        raise runtime.ended(f"scene.{method}: the scene was made before gs.destroy(); make a new one.")

    def __getattr__(self, name: str) -> NoReturn:
        refuse_attribute(name)
        raise AttributeError(f"Scene has no attribute {name!r}")

    def __str__(self) -> str:
        return f"Scene {self.uid}"

    def __repr__(self) -> str:
        names = ", ".join(entity.name for entity in self.entities[:4]) + (", …" if len(self.entities) > 4 else "")
        entities = f"{len(self.entities)} entit{'y' if len(self.entities) == 1 else 'ies'}{f' ({names})' if names else ''}"
        if self._solver is None:
            return f"<{self}: {entities}, not built>"
        envs = f", {self.n_envs} environments" if self.n_envs else ""
        return f"<{self}: {entities}, {self._solver.model.nv} degrees of freedom{envs}, dt {self.dt:g} s, step {self.t}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Raises: StateError, for `copy.deepcopy` and `pickle`."""
        raise StateError(
            f"{self} holds compiled kernels and cannot be copied or pickled; make another with the same calls, and carry the state over "
            "with scene.get_state() or scene.save_checkpoint(FILE)."
        )
