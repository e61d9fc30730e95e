"""Limits, dry friction and equalities: rows, values, and the residuals of MuJoCo."""

import mujoco
import numpy as np
import pytest

from genesis.description.description import Description, Equality, Joint, Link, Mimic
from genesis.description.poses import quat_multiply, quat_to_matrix
from genesis.description.read import read_mjcf
from genesis.errors import ModelError, UnknownNameError, UnsupportedError
from genesis.model.compile import Placed, compile_model
from genesis.model.options import ConstraintRequest

BODY = dict(mass=1.0, inertia=np.eye(3))


def compiled(*joints: Joint, **request):
    links = [Link(f"link{k}", k - 1, **BODY, joints=[joint]) for k, joint in enumerate(joints)]
    return compile_model([Placed(Description("robot", links=links), "robot")], request=ConstraintRequest(**request))


def test_limits_of_hinge_slide_ball_and_follower():
    """limit_offset turns scale * q into the joint's own coordinate: that of a follower has the offset of its mimic."""
    m = compiled(
        Joint("free one", "hinge"),
        Joint("lead", "hinge", limit=(-1.0, 2.0), ref=0.3, limit_margin=0.1, limit_solref=(0.1, 2.0)),
        Joint("ball", "ball", limit=(0.0, 0.5)),
        Joint("follow", "slide", limit=(-3.0, 4.0), ref=0.2, mimic=Mimic("lead", -2.0, 0.7)),
    )
    i, p = m.integers, m.parameters
    assert i["limit_jnt"].tolist() == [1, 2, 3] and p["limit_offset"].tolist() == [0.0, 0.0, 0.7]
    assert p["limit_range"].tolist() == [[-1, 2], [0, 0.5], [-3, 4]]
    assert p["limit_margin"].tolist() == [0.1, 0.0, 0.0] and p["limit_solref"][0].tolist() == [0.1, 2.0]
    start, number = i["chain_dofadr"][i["limit_chain"]], i["chain_dofnum"][i["limit_chain"]]
    dofs = [i["cdof_dof"][a : a + n].tolist() for a, n in zip(start, number, strict=True)]
    assert dofs == [[1], [4, 3, 2], [1]]
    assert i["limit_chain"][0] == i["limit_chain"][2] == i["dof_chain"][1]


@pytest.mark.parametrize("switch", [dict(enable_joint_limit=False), dict(disable_constraint=True)])
def test_limits_can_be_switched_off(switch):
    m = compiled(Joint("a", "hinge", limit=(-1.0, 1.0), frictionloss=0.3), **switch)
    assert m.sizes["nlimit"] == 0
    assert m.parameters["dof_frictionloss"].tolist() == ([0.0] if "disable_constraint" in switch else [0.3])


def test_dry_friction_of_a_follower_moves_with_its_leader():
    m = compiled(
        Joint("lead", "hinge", frictionloss=0.5, friction_solref=(0.1, 0.9), friction_solimp=(0.1, 0.2, 0.3, 0.4, 5.0)),
        Joint("follow", "hinge", frictionloss=0.2, mimic=Mimic("lead", -3.0)),
        Joint("ball", "ball", frictionloss=0.7),
    )
    assert m.parameters["dof_frictionloss"].tolist() == pytest.approx([0.5 + 3 * 0.2, 0.7, 0.7, 0.7])
    assert m.parameters["dof_solref"][0].tolist() == [0.1, 0.9]
    assert m.parameters["dof_solimp"][0].tolist() == [0.1, 0.2, 0.3, 0.4, 5.0]


TIED = """
<mujoco>
  <worldbody>
    <site name="hook" pos="0.4 0.1 0.2" quat="1 0.2 0.3 0.4"/>
    <body name="a" pos="0.1 0.2 0.3" quat="1 2 3 4"><freejoint/><geom size="0.1"/><site name="sa" pos="1 2 3" quat="4 3 2 1"/>
      <body name="b" pos="0.5 0 0"><joint name="jb" ref="20" axis="0 1 0"/><geom size="0.1"/></body></body>
    <body name="c" pos="1 0 0"><joint name="jc" type="slide" ref="0.3"/><joint name="jd"/><geom size="0.1" pos="0.1 0 0"/>
      <site name="sc" pos="3 1 2" quat="1 1 0.5 0.3"/></body>
  </worldbody>
  <equality>
    <connect name="point" body1="a" body2="c" anchor="0.3 0.2 0.1" solref="0.03 0.9" solimp="0.8 0.9 0.01 0.4 3"/>
    <connect name="hang" body1="b" anchor="0.1 0.2 0.1"/>
    <connect name="sites" site1="sc" site2="sa"/>
    <weld name="glue" body1="a" body2="c" relpose="0.1 0.2 0.3 1 0.1 0.2 0.3" anchor="0.4 0.5 0.6" torquescale="0.7"/>
    <weld name="held" body1="c"/>
    <weld name="frames" site1="sa" site2="hook" torquescale="2"/>
    <joint name="curve" joint1="jb" joint2="jc" polycoef="0.1 0.2 0.3 0.4 0.5"/>
    <joint name="still" joint1="jd" polycoef="0.3 0 0 0 0"/>
    <weld name="off" body1="a" active="false"/>
  </equality>
</mujoco>
"""


def residuals(model, data: mujoco.MjData, qpos: np.ndarray) -> list[np.ndarray]:
    """The equations that `Equality` states, in order, with MuJoCo's poses of the bodies (slot = body)."""
    out, i, p = [], model.integers, model.parameters

    def coordinate(j: int) -> float:
        return p["jnt_scale"][j] * qpos[i["jnt_qadr"][j]] + p["jnt_offset"][j] if j >= 0 else 0.0

    for k, kind in enumerate(i["eq_type"]):
        c = p["eq_data"][k]
        if kind == 2:
            y, x = coordinate(i["eq_jnt1"][k]), coordinate(i["eq_jnt2"][k])
            out.append(np.array([y - c[0] - (c[1] * x + c[2] * x**2 + c[3] * x**3 + c[4] * x**4)]))
            continue
        one, two = i["eq_slot1"][k], i["eq_slot2"][k]
        anchors = (c[:3], c[3:6]) if kind == 0 else (c[3:6], c[:3])
        points = [data.xpos[s] + quat_to_matrix(data.xquat[s]) @ a for s, a in zip((one, two), anchors, strict=True)]
        rows = [points[0] - points[1]]
        if kind == 1:
            back = data.xquat[two] * [1, -1, -1, -1]
            rows.append(c[10] * quat_multiply(back, quat_multiply(data.xquat[one], c[6:10]))[1:])
        out.append(np.concatenate(rows))
    return out


def test_residuals_of_equalities_are_those_of_mujoco():
    """Of welded sites the rotation is expressed in other axes, with the same length."""
    mj = mujoco.MjModel.from_xml_string(TIED)
    data = mujoco.MjData(mj)
    rng = np.random.default_rng(3)
    data.qpos[:] = mj.qpos0 + 0.3 * rng.normal(size=mj.nq)
    mujoco.mj_normalizeQuat(mj, data.qpos)
    mujoco.mj_forward(mj, data)
    description = read_mjcf(TIED)
    m = compile_model([Placed(description, "tied")])
    found = residuals(m, data, data.qpos)
    assert [e.name for e in description.equalities] == ["point", "hang", "sites", "glue", "held", "frames", "curve", "still"]
    expected = data.efc_pos[data.efc_type == mujoco.mjtConstraint.mjCNSTR_EQUALITY]
    start = 0
    for equality, row in zip(description.equalities, found, strict=True):
        mine = expected[start : start + len(row)]
        start += len(row)
        if equality.name == "frames":
            assert np.linalg.norm(row[3:]) == pytest.approx(np.linalg.norm(mine[3:]), rel=1e-10)
            row, mine = row[:3], mine[:3]
        np.testing.assert_allclose(row, mine, atol=1e-12, err_msg=equality.name)
    assert start == len(expected)
    assert m.parameters["eq_solref"][0].tolist() == [0.03, 0.9]
    assert m.parameters["eq_solimp"][0].tolist() == [0.8, 0.9, 0.01, 0.4, 3.0]
    assert m.integers["eq_active"].tolist() == [1] * 8


def test_chains_of_equalities():
    i = compile_model([Placed(read_mjcf(TIED), "tied")]).integers
    dofs = [i["cdof_dof"][i["chain_dofadr"][c] :][: i["chain_dofnum"][c]].tolist() for c in i["eq_chain"]]
    base, tail = list(range(5, -1, -1)), [8, 7]
    assert dofs == [tail + base, [6, *base], tail + base, tail + base, tail, base, [7, 6], [8]]
    # the coordinate jd is the second joint of body c
    assert (i["eq_jnt1"][-1], i["eq_jnt2"][-1]) == (6, -1) and i["eq_jnt1"][:6].tolist() == [-1] * 6


def test_anchors_on_the_world_move_with_the_entity():
    """A tied robot that stands elsewhere has the residual it has at the origin, turned."""
    pos, quat = np.array([1.0, -2.0, 0.5]), np.array([0.5, 0.5, -0.5, 0.5])
    here, there = (compile_model([Placed(read_mjcf(TIED), "tied", *pose)]) for pose in ((), (pos, quat)))
    mj = mujoco.MjModel.from_xml_string(TIED)
    data = mujoco.MjData(mj)
    data.qpos[:] = mj.qpos0 + 0.2 * np.random.default_rng(4).normal(size=mj.nq)
    mujoco.mj_normalizeQuat(mj, data.qpos)
    mujoco.mj_kinematics(mj, data)
    before = residuals(here, data, data.qpos)
    data.xpos[1:] = pos + data.xpos[1:] @ quat_to_matrix(quat).T
    data.xquat[1:] = [quat_multiply(quat, q) for q in data.xquat[1:]]
    after = residuals(there, data, data.qpos)
    for a, b in zip(before, after, strict=True):
        assert [np.linalg.norm(b[k : k + 3]) for k in (0, 3)] == pytest.approx([np.linalg.norm(a[k : k + 3]) for k in (0, 3)])


def with_equality(**changes):
    equality = Equality(**(dict(name="tie", type="connect", first="a", second="b", data=np.zeros(11)) | changes))
    links = [Link(n, -1, **BODY, joints=[Joint(f"j{n}", kind)]) for n, kind in (("a", "hinge"), ("b", "ball"))]
    return compile_model([Placed(Description("robot", links=links, equalities=[equality]), "robot")])


def test_an_equality_between_fixed_bodies_has_no_row():
    links = [Link("a", -1), Link("b", 0)]
    tie = Equality("tie", "weld", "a", "b", np.zeros(11))
    assert compile_model([Placed(Description("shelf", links=links, equalities=[tie]), "shelf")]).sizes["neq"] == 0


@pytest.mark.parametrize(("joint", "rows"), [("slide", 0), ("hinge", 1)])
def test_an_equality_within_one_rigid_body_acts_where_it_turns(joint, rows):
    """As in MuJoCo: two points that one body carries along a line never move against each other; on a turning one they do."""
    links = [Link("a", -1, **BODY, joints=[Joint("j", joint)]), Link("b", 0, **BODY)]
    tie = Equality("tie", "connect", "a", "b", np.arange(11.0))
    m = compile_model([Placed(Description("rigid", links=links, equalities=[tie]), "rigid")])
    assert m.sizes["neq"] == rows and m.integers["cax_side"].tolist() == [0] * rows


REFUSED = {
    "link": (dict(second="c"), UnknownNameError, 'unknown link "c"; known: '),
    "joint": (dict(type="joint", first="jx", second=None), UnknownNameError, 'unknown joint "jx"; known: jb, ja'),
    "ball": (
        dict(type="joint", first="jb", second=None),
        UnsupportedError,
        'joint "jb" is a ball; allowed: hinges, slides and screws',
    ),
    "twice": (dict(type="joint", first="ja", second="ja"), ModelError, "is both its joints"),
    "type": (dict(type="glue"), UnknownNameError, 'unknown equality type "glue"; known: connect, joint, weld'),
    "solref": (dict(solref=(1.0, -1.0)), ModelError, "solref is (1, -1)"),
    "data": (dict(data=np.full(11, np.nan)), ModelError, "allowed: finite numbers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_equalities_that_are_refused(case):
    change, error, message = REFUSED[case]
    with pytest.raises(error) as caught:
        with_equality(**change)
    assert message in str(caught.value) and str(caught.value).startswith('robot: equality "tie"')


JOINTS = {
    "dry friction": (dict(frictionloss=-1.0), "has dry friction -1; allowed: zero or a positive number"),
    "damping": (dict(damping=-1.0), "has a damping of -1; allowed: zero or a positive number"),
    "armature": (dict(armature=-0.5), "has an armature of -0.5; allowed: zero or a positive number"),
    "limits": (dict(limit=(1.0, -1.0)), "has the limits 1 to -1; allowed: the lower one first"),
    "margin": (dict(limit_margin=-1.0), "has a limit margin of -1"),
    "limit solref": (dict(limit_solref=(-1.0, 1.0)), "limit solref is (-1, 1)"),
    "friction solimp": (dict(friction_solimp=(0.9, 0.5, 0.1, 0.5, 2.0)), "friction solimp is (0.9, 0.5, 0.1, 0.5, 2), whose"),
}


@pytest.mark.parametrize("case", JOINTS)
def test_joints_that_are_refused(case):
    change, message = JOINTS[case]
    with pytest.raises(ModelError) as caught:
        compiled(Joint("j", "hinge", **change))
    assert message in str(caught.value) and str(caught.value).startswith('robot: link "link0": joint "j"')
