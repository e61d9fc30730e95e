"""What <option> and <flag> say: carried out, handed to the scene, or named."""

from pathlib import Path

import pytest

from genesis.description.read import read_mjcf

BALL = "<body><freejoint/><geom size='0.1'/></body>"


def read(option: str = "", file: str | Path = ""):
    return read_mjcf(file or f"<mujoco>{option}<worldbody>{BALL}</worldbody></mujoco>").options


def test_values_and_which_of_them_the_file_states():
    said = read('<option cone="elliptic" impratio="10" tolerance="1e-12" iterations="30" ls_iterations="9" timestep="0.004"/>')
    assert (said.cone, said.impratio, said.tolerance, said.iterations, said.ls_iterations) == ("elliptic", 10.0, 1e-12, 30, 9)
    assert said.stated == {"cone", "impratio", "tolerance", "iterations", "ls_iterations", "timestep"}
    assert (said.said("timestep"), said.said("gravity"), said.gravity) == (0.004, None, (0.0, 0.0, -9.81))


def test_a_file_without_options_states_nothing():
    said = read()
    assert (said.timestep, said.integrator, said.cone, said.impratio) == (0.002, "Euler", "pyramidal", 1.0)
    assert (said.tolerance, said.iterations, said.ls_iterations, said.implicit_damping) == (1e-8, 100, 50, True)
    assert said.stated == frozenset() and said.others == ()


@pytest.mark.parametrize("name", ["Euler", "RK4", "implicit", "implicitfast"])
def test_integrators_have_the_names_of_the_format(name):
    assert read(f'<option integrator="{name}"/>').said("integrator") == name


def test_flags_state_what_they_switch_off():
    said = read('<option gravity="0 0 -5"><flag gravity="disable" eulerdamp="disable" contact="disable"/></option>')
    assert said.stated == {"gravity", "implicit_damping"}
    assert (said.gravity, said.implicit_damping) == ((0.0, 0.0, 0.0), False)


def test_a_value_equal_to_the_default_is_stated_all_the_same():
    assert read('<option gravity="0 0 -9.81" timestep="0.002"/>').stated == {"gravity", "timestep"}


def test_what_an_included_file_states(tmp_path):
    """Two sections and an include: each names its own."""
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "world.xml").write_text('<mujocoinclude><option gravity="0 0 -1.62"/></mujocoinclude>')
    file = tmp_path / "robot.xml"
    options = '<option impratio="3"/><include file="common/world.xml"/><option timestep="0.001"/>'
    file.write_text(f"<mujoco>{options}<worldbody>{BALL}</worldbody></mujoco>")
    said = read(file=file)
    assert said.stated == {"impratio", "gravity", "timestep"} and said.said("gravity") == (0.0, 0.0, -1.62)


@pytest.mark.parametrize("beside", [False, True])
def test_included_files_are_looked_for_beside_the_robot_then_beside_the_file_that_includes_them(beside, tmp_path):
    """An include of an include: MuJoCo compiles the same one whose options are read."""
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "world.xml").write_text('<mujoco><include file="more.xml"/></mujoco>')
    (tmp_path / "common" / "more.xml").write_text('<mujoco><option timestep="0.004"/></mujoco>')
    if not beside:
        (tmp_path / "more.xml").write_text('<mujoco><option impratio="3"/></mujoco>')
    file = tmp_path / "robot.xml"
    file.write_text(f'<mujoco><include file="common/world.xml"/><worldbody>{BALL}</worldbody></mujoco>')
    said = read(file=file)
    assert (said.stated, said.timestep, said.impratio) == (({"timestep"}, 0.004, 1.0) if beside else ({"impratio"}, 0.002, 3.0))


OTHERS = {
    '<option density="1.2" viscosity="0.1"/>': "fluid forces (density 1.2, viscosity 0.1)",
    '<option density="1.2" wind="1 0 0"/>': "fluid forces (density 1.2, viscosity 0, wind 1 0 0)",
    '<option noslip_iterations="3"/>': "noslip iterations (3)",
    '<option><flag refsafe="disable"/></option>': 'flag refsafe="disable"',
    '<option><flag multiccd="disable"/></option>': 'flag multiccd="disable"',
    '<option o_friction="1 2 0 0 0"><flag override="enable"/></option>': (
        "different frictions along two directions in o_friction (1 2 0 0 0)"
    ),
}


@pytest.mark.parametrize("option", OTHERS)
def test_what_nothing_follows_is_named(option):
    assert read(option).others == (OTHERS[option],)


@pytest.mark.parametrize("option", ['<option wind="1 0 0"/>', '<option solver="CG"><flag warmstart="disable"/></option>'])
def test_what_has_no_effect_is_not_named(option):
    """Wind without a medium; how the same solution is found."""
    assert read(option).others == ()
