"""Which geoms may touch: the same pairs as MuJoCo, with the same dimensions, whatever filters the file has."""

import mujoco
import numpy as np
import pytest

from genesis.description.description import Description, Geom, HeightField, Joint, Link
from genesis.description.read import read_mjcf, read_urdf
from genesis.errors import ModelError, UnknownNameError
from genesis.model.compile import Placed, compile_model
from genesis.model.layout import GEOM_CODE, GEOM_TYPES, PAIR_CODE, PAIR_TYPES
from genesis.model.options import ConstraintRequest
from tests.model.random_worlds import random_world
from tests.oracles import LOCAL

HUGE = 1e3


def candidates(model) -> set[tuple[str, str, int]]:
    """Names of the two geoms in alphabetical order, and condim."""
    names = [model.geoms[k].name for k in model.contact_geoms]
    rows = zip(*(model.integers[f"cand_{key}"] for key in ("geom1", "geom2", "condim")), strict=True)
    return {(*sorted((names[a], names[b])), int(condim)) for a, b, condim in rows}


def mujoco_contacts(text: str) -> set[tuple[str, str, int]]:
    """What MuJoCo lets touch when everything is near everything; explicit pairs within one rigid group have no effect."""
    near = f'<mujoco><default><geom margin="{HUGE}"/><pair margin="{HUGE}"/></default>'
    model = mujoco.MjModel.from_xml_string(text.replace("<mujoco>", near))
    data = mujoco.MjData(model)
    mujoco.mj_fwdPosition(model, data)
    weld = model.body_weldid[model.geom_bodyid]
    moving = [c for c in data.contact if weld[c.geom[0]] != weld[c.geom[1]]]
    return {(*sorted(model.geom(int(g)).name for g in c.geom), int(c.dim)) for c in moving}


@pytest.mark.parametrize("flag", ["", '<option><flag filterparent="disable"/></option>'])
@pytest.mark.parametrize("seed", range(12))
def test_candidates_are_those_of_mujoco(seed, flag):
    text = random_world(seed).replace("<mujoco>", f"<mujoco>{flag}")
    assert candidates(compile_model([Placed(read_mjcf(text), "world")])) == mujoco_contacts(text)


def test_types_of_candidates_are_in_order():
    """Geom 1 has the lower type, and the code says which types they are."""
    text = """<mujoco><worldbody><geom name="ball" size="1"/>
      <body><freejoint/><geom name="box" type="box" size="1 1 1"/></body>
      <body><freejoint/><geom name="pill" type="capsule" size="1 1"/></body>
      <body><geom name="floor" type="plane" size="1 1 1"/></body></worldbody></mujoco>"""
    m = compile_model([Placed(read_mjcf(text), "world")])
    i, names = m.integers, [m.geoms[k].name for k in m.contact_geoms]
    found = {(names[a], names[b]) for a, b in zip(i["cand_geom1"], i["cand_geom2"], strict=True)}
    assert found == {("ball", "box"), ("ball", "pill"), ("pill", "box"), ("floor", "box"), ("floor", "pill")}
    for code, a, b in zip(i["cand_code"], i["cand_geom1"], i["cand_geom2"], strict=True):
        assert PAIR_TYPES[code] == (i["geom_type"][a], i["geom_type"][b])


def test_pair_types():
    assert len(PAIR_TYPES) == 33 and list(PAIR_TYPES) == sorted(PAIR_TYPES)
    hollow = {GEOM_CODE["plane"], GEOM_CODE["hfield"]}
    assert all(a <= b and not {a, b} <= hollow for a, b in PAIR_TYPES)
    assert [int(getattr(mujoco.mjtGeom, f"mjGEOM_{name.upper()}")) for name in GEOM_TYPES] == list(range(8))
    assert PAIR_CODE[GEOM_CODE["sphere"], GEOM_CODE["sphere"]] == PAIR_TYPES.index((2, 2))


def body(name: str, link: int = 0, **more) -> Geom:
    return Geom(name, link, "sphere", np.array([0.1, 0.0, 0.0]), np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), **more)


def robot(geoms: list[Geom], name="robot", fixed=False, **more) -> Placed:
    """A base that moves or not, and two links on hinges in a row."""
    links = [Link("base", -1, joints=[] if fixed else [Joint("root", "free")])]
    links += [Link("upper", 0, joints=[Joint("a", "hinge")]), Link("lower", 1, joints=[Joint("b", "hinge")])]
    for link in links:
        link.mass, link.inertia = 1.0, np.eye(3)
    return Placed(Description(name, links=links, geoms=geoms, **more), name)


THREE = ("base", "upper", "lower")


def three(**more) -> list[Geom]:
    return [body(name, k, **more) for k, name in enumerate(THREE)]


def names_of(placed, **request) -> set[tuple[str, str]]:
    return {c[:2] for c in candidates(compile_model(placed, request=ConstraintRequest(**request)))}


def test_the_user_chooses_neighbours_and_self_contact():
    placed = [robot(three())]
    assert names_of(placed) == {("base", "lower")}
    assert names_of(placed, enable_adjacent_collision=True) == {("base", "lower"), ("base", "upper"), ("lower", "upper")}
    assert names_of(placed, enable_self_collision=False) == names_of(placed, enable_collision=False) == set()
    assert names_of([robot(three(), filter_parent=False)]) == {("base", "lower"), ("base", "upper"), ("lower", "upper")}
    assert names_of([robot(three(), filter_parent=False)], enable_adjacent_collision=False) == {("base", "lower")}
    assert names_of([robot(three(), excludes=[("lower", "base")])]) == set()


def test_a_fixed_base_is_part_of_the_world():
    """A link touches a parent that stands in the world; without self-contact it still touches the world."""
    assert names_of([robot(three(), fixed=True)]) == {("base", "lower"), ("base", "upper")}
    assert names_of([robot(three(), fixed=True)], enable_self_collision=False) == {("base", "lower"), ("base", "upper")}


def test_entities_see_each_other():
    first, second = robot(three(), excludes=[("lower", "base")]), robot([body("other", 0)], "second")
    assert names_of([first, second]) == {("base", "other"), ("lower", "other"), ("other", "upper")}
    deaf = robot([body("other", 0, contype=2, conaffinity=2)], "second")
    assert names_of([first, deaf]) == set()


def test_chains_of_candidates_belong_to_their_bodies():
    m = compile_model([robot(three()), robot([body("other", 0)], "second")])
    i = m.integers
    found = {}
    for a, b, chain in zip(i["cand_geom1"], i["cand_geom2"], i["cand_chain"], strict=True):
        dofs = slice(i["chain_dofadr"][chain], i["chain_dofadr"][chain] + i["chain_dofnum"][chain])
        found[int(i["geom_slot"][a]), int(i["geom_slot"][b])] = sorted(i["cdof_dof"][dofs].tolist())
    first, second = list(range(8)), list(range(8, 14))
    assert found == {(1, 3): [6, 7], (1, 4): first[:6] + second, (2, 4): first[:7] + second, (3, 4): first + second}


def test_hulls_and_height_fields_are_kept_once():
    cube = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 2.0)] + [[0.5, 0.5, 0.5]])
    meshes = [Geom(f"m{k}", k, "mesh", np.zeros(3), np.zeros(3), np.array([1.0, 0, 0, 0]), vertices=cube) for k in range(2)]
    field = HeightField("hills", np.array([2.0, 3.0, 0.5, 0.1]), np.eye(3))
    hills = Geom("hills", -1, "hfield", np.zeros(3), np.zeros(3), np.array([1.0, 0, 0, 0]), hfield=field)
    m = compile_model([robot([*meshes, hills])])
    assert (m.integers["geom_data"].tolist(), len(m.hulls), len(m.hfields)) == ([0, 0, 0], 1, 1)
    assert len(m.hulls[0][0]) == 8 and len(m.hulls[0][1]) == 12
    np.testing.assert_array_equal(m.parameters["geom_size"], [[1, 1, 2], [1, 1, 2], [2, 3, 0.5]])


def test_geoms_that_only_show_are_left_out():
    """Unless a pair names them; a mesh without shape (its file was not found) touches nothing."""
    text = """<mujoco><worldbody><geom name="picture" size="1" contype="0" conaffinity="0"/>
      <geom name="target" size="1" contype="0" conaffinity="0"/>
      <body><freejoint/><geom name="ball" size="1" contype="0" conaffinity="0"/></body></worldbody>
      <contact><pair geom1="ball" geom2="target" condim="6" margin="0.1" gap="0.02" friction="1 2 3 4 5"/></contact></mujoco>"""
    m = compile_model([Placed(read_mjcf(text), "world")])
    assert [m.geoms[k].name for k in m.contact_geoms] == ["target", "ball"]
    assert (m.integers["cand_explicit"].tolist(), m.integers["cand_condim"].tolist()) == ([0], [6])
    np.testing.assert_array_equal(m.parameters["xpair_friction"], [[1, 2, 3, 4, 5]])
    assert (m.parameters["xpair_margin"].tolist(), m.parameters["xpair_gap"].tolist()) == ([0.1], [0.02])
    lost = Geom("lost", 0, "mesh", np.zeros(3), np.zeros(3), np.array([1.0, 0, 0, 0]), file="lost.stl")
    assert compile_model([robot([lost])]).sizes["ngeom"] == 0


def test_urdf_geoms_have_the_defaults_of_mujoco():
    m = compile_model([Placed(read_urdf(LOCAL / "urdf" / "solo12.urdf"), "solo12")])
    for key, value in (("friction", [1, 0.005, 0.0001]), ("solref", [0.02, 1]), ("solimp", [0.9, 0.95, 0.001, 0.5, 2])):
        np.testing.assert_array_equal(m.parameters[f"geom_{key}"], np.tile(value, (m.sizes["ngeom"], 1)))
    assert m.parameters["geom_solmix"].tolist() == [1.0] * m.sizes["ngeom"]


FLAT = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0.0], [2, 3, 0]])
REFUSED = {
    "friction": (dict(friction=(-1.0, 0.0, 0.0)), 'robot: geom "g": friction is (-1, 0, 0); allowed: zero or positive'),
    "condim": (dict(condim=5), "condim is 5; allowed: 1, 3, 4, 6"),
    "mixed solref": (dict(solref=(0.02, -1.0)), "solref is (0.02, -1); allowed: time constant and damping ratio, both positive"),
    "impedance": (dict(solimp=(0.9, 1.5, 0.1, 0.5, 2.0)), "solimp is (0.9, 1.5, 0.1, 0.5, 2); allowed: impedances"),
    "overlap": (dict(solimp=(0.95, 0.9, 0.1, 0.5, 2.0)), "overlap"),
    "width": (dict(solimp=(0.9, 0.95, -0.1, 0.5, 2.0)), "width >= 0"),
    "margin": (dict(margin=-0.1), "a margin of -0.1; allowed: zero or a positive number"),
    "gap": (dict(gap=-0.1), "a gap of -0.1"),
    "solmix": (dict(solmix=-1.0), "solmix is -1"),
    "size": (dict(size=np.array([-0.1, 0, 0])), "the size of a sphere is [-0.1]; allowed: positive lengths"),
    "few points": (dict(type="mesh", vertices=FLAT[:3]), "its mesh has 3 different points; allowed: 4 or more"),
    "flat mesh": (dict(type="mesh", vertices=FLAT), "its mesh is flat (all 5 points in one plane)"),
    "grid": (
        dict(type="hfield", hfield=HeightField("h", np.ones(4), np.zeros((1, 3)))), "1 x 3 heights; allowed: 2 x 2 or more",
    ),
    "field size": (
        dict(type="hfield", hfield=HeightField("h", np.array([1.0, 1, 0, 1]), np.zeros((2, 2)))), "allowed: positive lengths",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_file_and_geom(case):
    change, message = REFUSED[case]
    with pytest.raises(ModelError) as caught:
        compile_model([robot([Geom(**(vars(body("g")) | change))])])
    assert message in str(caught.value) and str(caught.value).startswith('robot: geom "g"')


def test_unknown_types_are_refused_with_the_known_ones():
    with pytest.raises(UnknownNameError, match='geom "g": unknown geom type "cone"; known: .*plane'):
        compile_model([robot([Geom(**(vars(body("g")) | dict(type="cone")))])])
