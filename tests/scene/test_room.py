"""Room for contacts: without max_contacts it grows as contacts need it, with the results of having been there at once."""

import math

import pytest
import torch

import genesis as gs
from genesis.dynamics.constraints.ledger import STATUS
from genesis.grad import physics
from genesis.grad.constrained import USUAL_CONTACTS, ConstraintSetting

SIDE = 9
FEET = SIDE * SIDE  # more than the room that is there to begin with
RADIUS = 0.01
CONTACTS, UNCONVERGED = STATUS.index("contacts"), STATUS.index("unconverged")


def table_on_feet() -> str:
    """One free body that stands on many balls."""
    feet = "".join(f'<geom size="{RADIUS}" pos="{0.05 * i} {0.05 * j} 0"/>' for i in range(SIDE) for j in range(SIDE))
    return f'<mujoco model="table"><worldbody><body name="top"><freejoint/>{feet}</body></worldbody></mujoco>'


def standing(n_envs: int = 0, **options):
    """A built scene of the table over a plane, and the table."""
    scene = gs.Scene(
        sim_options=gs.options.SimOptions(dt=0.005, requires_grad=True),
        rigid_options=gs.options.RigidOptions(contact="mujoco", **options),
    )
    scene.add_entity(gs.morphs.Plane())
    table = scene.add_entity(gs.morphs.MJCF(file=table_on_feet()))
    scene.build(n_envs=n_envs)
    return scene, table


def room(scene) -> int:
    return scene.rigid_solver.physics.constraints.contacts


def height(value: float, n_envs: int = 0) -> torch.Tensor:
    """qpos of the table with its feet's centres so high, in every environment but the second one 1 m higher."""
    q = torch.tensor([0.0, 0.0, value, 1.0, 0.0, 0.0, 0.0], dtype=gs.tc_float)
    if n_envs:
        q = q.repeat(n_envs, 1)
        q[1, 2] += 1.0
    return q


@pytest.fixture(autouse=True)
def _started(engine):
    """Every test here needs the engine."""


@pytest.mark.parametrize("n_envs", [0, 3])
def test_a_rollout_and_its_gradient_are_those_of_having_had_the_room(n_envs):
    found = []
    for options in ({}, {"max_contacts": FEET}):
        scene, _ = standing(n_envs, **options)
        assert room(scene) == (FEET if options else USUAL_CONTACTS)
        leaves = [torch.zeros(4, *([n_envs] if n_envs else []), 6, dtype=gs.tc_float), height(RADIUS - 1e-3, n_envs)]
        for leaf in leaves:
            leaf.requires_grad_()
        made = scene.rollout(leaves[0], qpos=leaves[1])
        (100.0 * made.qpos + made.qpos.square()).sum().backward()
        assert room(scene) == FEET and scene.get_solver_report()["contacts"].max() == FEET
        found.append([made.qpos.detach().sceneless(), *(leaf.grad for leaf in leaves)])
    for grown, given in zip(*found, strict=True):
        assert torch.equal(grown, given) and grown.abs().max() > 1e-7


def test_steps_on_the_tape_stay_valid_when_the_room_grows():
    """Falling first, with the room of the beginning; the feet arrive in the third step."""
    found = []
    for options in ({}, {"max_contacts": FEET}):
        scene, table = standing(**options)
        start = torch.tensor([0.0, 0.0, RADIUS + 0.009], dtype=gs.tc_float, requires_grad=True)
        velocity = torch.tensor([0.1, 0.0, -1.0, 0.0, 0.0, 0.0], dtype=gs.tc_float, requires_grad=True)
        table.set_pos(start)
        table.set_dofs_velocity(velocity)
        rooms = []
        for _ in range(5):
            scene.step()
            rooms.append(room(scene))
        table.get_pos().square().sum().backward()
        found.append((table.get_pos().detach().sceneless(), start.grad, velocity.grad, rooms))
    (*grown, rooms), (*given, _) = found
    assert rooms[0] == rooms[1] == USUAL_CONTACTS and rooms[-1] == FEET
    assert all(torch.equal(a, b) and a.abs().max() > 1e-5 for a, b in zip(grown, given, strict=True))


def test_a_backward_pass_that_feels_more_contacts_grows_the_room():
    """Pairs that never touch act on the gradient alone (contact_reach): the first launch that needs the room is the backward one."""
    found = []
    for options in ({}, {"max_contacts": FEET}):
        scene, _ = standing(contact_reach=0.5, **options)
        start = height(0.2).requires_grad_()
        made = scene.rollout(torch.zeros(2, 6, dtype=gs.tc_float), qpos=start)
        before = room(scene)
        made.qvel[-1, 2].backward()
        found.append((start.grad, before, room(scene)))
    (grown, before, after), (given, _, _) = found
    assert (before, after) == (USUAL_CONTACTS, FEET)
    assert torch.equal(grown, given) and grown[2].abs() > 1e-6


def test_contacts_that_are_read_grow_the_room():
    scene, table = standing()
    table.set_pos([0, 0, RADIUS - 1e-3])
    scene.rigid_solver.physics.contacts(
        scene.rigid_solver.theta(), scene.rigid_solver.qpos, scene.rigid_solver.qvel, scene.rigid_solver.qvel
    )
    assert room(scene) == FEET
    assert len(table.get_contacts()["geom_a"]) == FEET


def test_memory_is_the_bound_and_told(monkeypatch):
    scene, table = standing(n_envs=3)
    table.set_pos([0, 0, RADIUS - 1e-3])
    before = table.get_pos()
    monkeypatch.setattr(physics, "free_memory", lambda device: 2.0**10)
    with pytest.raises(
        gs.ContactOverflowError, match=r"has 81 contacts at step 1 .* room for 64; more would take 0.0 GiB"
    ) as caught:
        scene.step()
    assert (caught.value.needed, caught.value.room, caught.value.step) == (FEET, USUAL_CONTACTS, 1)
    assert "0.0 are free; simulate fewer environments at once" in str(caught.value)
    assert torch.equal(table.get_pos(), before) and room(scene) == USUAL_CONTACTS
    monkeypatch.undo()
    scene.step()
    assert (scene.get_solver_report()["contacts"] == FEET).all()


def tilted(n_envs: int = 0) -> torch.Tensor:
    """qpos (B, 7) of the table on one row of its feet, in every environment."""
    q = torch.tensor([[0.0, 0.0, RADIUS - 1e-3, math.cos(0.05), 0.0, -math.sin(0.05), 0.0]], dtype=gs.tc_float)
    return q.repeat(max(n_envs, 1), 1)


SLIDING = (0.3, 0.1, -0.2, 3.0, -2.0, 1.0)


def stand(scene, q: torch.Tensor, velocity=(0.0,) * 6) -> None:
    """A rollout of one step from qpos (B, 7) and a velocity, below the scene: nobody asks what is reported."""
    solver, zero = scene.rigid_solver, torch.zeros(1, len(q), 6, dtype=gs.tc_float)
    with torch.no_grad():
        solver.physics.rollout(solver.theta(), q, torch.tensor(velocity, dtype=gs.tc_float).repeat(len(q), 1), zero)


@pytest.mark.parametrize("n_envs", [2, 5])
def test_contacts_that_were_read_before_the_room_grew_have_their_gradient(n_envs):
    found = []
    for options in ({}, {"max_contacts": FEET}):
        scene, _ = standing(n_envs, **options)
        solver = scene.rigid_solver
        q = tilted(n_envs).requires_grad_()
        theta = solver.theta().detach().repeat(n_envs, 1).requires_grad_()
        rows = solver.physics.contacts(theta, q, torch.zeros(n_envs, 6, dtype=gs.tc_float), torch.ones_like(q[:, :6]))
        before = room(scene)
        stand(scene, height(RADIUS - 1e-3).repeat(n_envs, 1))
        (rows[..., 1:].square() * torch.arange(1.0, n_envs + 1)[:, None, None]).sum().backward()
        status = solver.physics.launches(n_envs).status
        assert status.ask() is None and (status.table[:, CONTACTS] == SIDE).all()
        found.append((q.grad, theta.grad, before, room(scene)))
    (*grown, before, after), (*given, _, _) = found
    assert (before, after) == (USUAL_CONTACTS, FEET)
    for a, b in zip(grown, given, strict=True):
        assert torch.equal(a, b) and (a.abs().amax(1) > 1e-3).all()


@pytest.mark.parametrize("all_of_it", [False, True], ids=["what is more", "also what there was"])
def test_memory_that_the_system_does_not_give_leaves_the_scene_as_it_was(monkeypatch, all_of_it):
    scene, table = standing(n_envs=3)
    table.set_pos([0, 0, 1])
    scene.step()
    core = scene.rigid_solver.physics
    most = 0 if all_of_it else core.launches(3).ledger_bytes(core.constraints) // 8
    new_zeros = torch.Tensor.new_zeros

    def refuse(self, *size, dtype=None, **more):
        if dtype is torch.float64 and size[0] > most:
            raise RuntimeError("not enough memory")
        return new_zeros(self, *size, dtype=dtype, **more)

    table.set_pos([0, 0, RADIUS - 1e-3])
    before = table.get_pos()
    monkeypatch.setattr(torch.Tensor, "new_zeros", refuse)
    said = "not enough memory" if all_of_it else "has 81 contacts at step 2 .* room for 64; .* which the system does not give"
    for _ in range(2):
        with pytest.raises(RuntimeError if all_of_it else gs.ContactOverflowError, match=said):
            scene.step()
        assert torch.equal(table.get_pos(), before) and room(scene) == USUAL_CONTACTS
    if not all_of_it:
        table.set_pos([0, 0, 1])
        scene.step()
        assert (scene.get_solver_report()["contacts"] == 0).all()
        table.set_pos(before)
    monkeypatch.undo()
    scene.step()
    assert (scene.get_solver_report()["contacts"] == FEET).all() and room(scene) == FEET


@pytest.mark.parametrize("enough", [False, True])
def test_memory_is_that_of_all_batches_less_what_they_have(monkeypatch, enough):
    scene, _ = standing(n_envs=3)
    for batch in (1, 3):
        stand(scene, tilted(batch))
    core = scene.rigid_solver.physics
    core.launches(7)  # has taken none
    every, grown = [core.launches(batch) for batch in (1, 3)], ConstraintSetting(core.model, core.dtype, FEET)
    more = sum(one.ledger_bytes(grown) - one.ledger_bytes(core.constraints) for one in every)
    monkeypatch.setattr(physics, "free_memory", lambda device: float(more if enough else more - 1))
    stood = height(RADIUS - 1e-3)[None]
    if enough:
        stand(scene, stood)
    else:
        with pytest.raises(gs.ContactOverflowError, match="are free; simulate fewer"):
            stand(scene, stood)
    assert room(scene) == (FEET if enough else USUAL_CONTACTS)


def test_no_batch_grows_beyond_what_its_kernels_address(monkeypatch):
    """Also not one that comes to its share of the room later."""
    scene, _ = standing(n_envs=3)
    stand(scene, tilted(3))
    core = scene.rigid_solver.physics
    grown = core.launches(3).ledger_bytes(ConstraintSetting(core.model, core.dtype, FEET))
    monkeypatch.setattr(physics, "ADDRESSES", grown // 8)
    with pytest.raises(gs.ContactOverflowError, match="and a kernel addresses"):
        stand(scene, height(RADIUS - 1e-3)[None])
    assert room(scene) == USUAL_CONTACTS
    monkeypatch.setattr(physics, "ADDRESSES", grown // 8 + 1)
    stand(scene, height(RADIUS - 1e-3)[None])
    assert room(scene) == FEET


def test_a_gradient_check_between_a_rollout_and_its_gradient_changes_neither():
    found = []
    for options in ({}, {"max_contacts": FEET}):
        scene, _ = standing(contact_reach=0.5, **options)
        start, push, still = (
            height(0.2).requires_grad_(),
            torch.zeros(2, 6, dtype=torch.float64),
            torch.zeros(6, dtype=gs.tc_float),
        )
        made = scene.rollout(push, qpos=start)
        report = gs.gradcheck(
            lambda u, s=scene, still=still: s.rollout(u, qpos=height(2.0), qvel=still).qvel.square().sum(),
            push,
            directions=1,
            scene=scene,
        )
        assert report.ok
        before = room(scene)
        made.qvel[-1, 2].backward()
        found.append((start.grad, before, room(scene)))
    (grown, before, after), (given, _, _) = found
    assert (before, after) == (USUAL_CONTACTS, FEET)
    assert torch.equal(grown, given) and grown[2].abs() > 1e-6


def test_a_trajectory_made_without_the_surrogate_stays_without_when_the_room_grows():
    scene, _ = standing(contact_reach=0.5)
    start, zero = height(0.2)[None].requires_grad_(), torch.zeros(1, 6, dtype=gs.tc_float)
    core, theta = scene.rigid_solver.physics, scene.rigid_solver.theta()
    with core.without_surrogate():
        alone = core.rollout(theta, start, zero, zero[None])[1]
    felt = core.rollout(theta, start, zero, zero[None])[1]
    for z in (RADIUS - 1e-3, 2.0):  # the last one tells of no pair that it has touched
        stand(scene, height(z)[None])
    assert room(scene) == FEET
    (plain,), (with_surrogate,) = (torch.autograd.grad(v[-1, 0, 2], start) for v in (alone, felt))
    assert plain.abs().max() == 0.0 and with_surrogate[0, 2].abs() > 1e-6


@pytest.mark.parametrize("n_envs", [1, 3])
def test_solves_that_stopped_early_are_remembered_once_when_the_room_grows(n_envs):
    """Those of the launches before, not those of the launch that is repeated."""
    found = []
    for options in ({}, {"max_contacts": FEET}):
        scene, _ = standing(n_envs, iterations=1, friction_cone="elliptic", **options)
        launches = scene.rigid_solver.physics.launches(n_envs)
        stand(scene, tilted(n_envs), SLIDING)
        q = tilted(n_envs)
        q[0] = torch.tensor([0.0, 0.0, RADIUS - 1e-3, 1.0, 1e-3, 2e-3, 0.0], dtype=gs.tc_float)
        q[0, 2] -= 1e-3
        before = room(scene)
        stand(scene, q, SLIDING)
        found.append((launches.status.ask(), before, room(scene)))
        assert launches.status.ask() is None
    (grown, before, after), (given, _, _) = found
    assert grown == given and grown.count > n_envs
    assert before == USUAL_CONTACTS < after


def test_solves_that_stopped_early_outlive_an_overflow_that_is_found_late():
    """As on a device that is looked at now and then: the launches between are not told apart."""
    scene, _ = standing(2, iterations=1, friction_cone="elliptic", max_contacts=FEET - 1)
    stand(scene, tilted(2), SLIDING)
    status = scene.rigid_solver.physics.launches(2).status
    status._flags = None
    count = int(status.table[:, UNCONVERGED].sum())
    q = tilted(2)
    q[1] = height(RADIUS - 1e-3)
    stand(scene, q)
    with pytest.raises(gs.ContactOverflowError, match="environment 1 has 81 contacts"):
        status.ask()
    assert status.ask().count >= count > 0
    assert status.ask() is None
