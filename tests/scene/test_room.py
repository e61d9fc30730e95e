"""Room for contacts: without max_contacts it grows as contacts need it, with the results of having been there at once."""

import pytest
import torch

import genesis as gs
from genesis.grad import bench
from genesis.grad.constrained import USUAL_CONTACTS

SIDE = 9
FEET = SIDE * SIDE  # more than the room that is there to begin with
RADIUS = 0.01


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
    monkeypatch.setattr(bench, "free_memory", lambda device: 2.0**18)
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
