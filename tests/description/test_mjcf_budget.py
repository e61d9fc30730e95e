"""What an MJCF file asks for is counted before it is made, and what is merely odd is left to MuJoCo."""

import pytest

from genesis.description.mjcf_budget import MOST_CELLS, check_budget
from genesis.description.read import read_mjcf
from genesis.description.source import read_source
from genesis.errors import ModelError
from tests.description.hostile import png


def check(text: str, folder) -> None:
    (folder / "robot.xml").write_text(f"<mujoco>{text}</mujoco>")
    check_budget(read_source(folder / "robot.xml", "mujoco"))


def test_a_height_field_of_a_picture_has_as_many_cells_as_one_of_numbers(tmp_path) -> None:
    for side, name in ((12_000, "large"), (4_096, "most")):
        (tmp_path / f"{name}.png").write_bytes(png(side, side))
    field = '<asset><hfield name="h" file="{}.png" size="1 1 1 1"/></asset>'
    with pytest.raises(ModelError, match=rf"large.png has 144000000 pixels; at most {MOST_CELLS}"):
        check(field.format("large"), tmp_path)
    check(field.format("most"), tmp_path)


def test_only_numbers_are_held_against_a_number(tmp_path) -> None:
    for name in ("mesh", "material", "joint", "body1", "target"):
        check(f'<worldbody><geom {name}="5e31"/></worldbody>', tmp_path)
    check('<worldbody><geom pos="1.2.3e99 0 0"/></worldbody>', tmp_path)  # no number: MuJoCo says so
    with pytest.raises(ModelError, match="has the number 5e31"):
        check('<worldbody><geom pos="1.2.3e99 0 5e31"/></worldbody>', tmp_path)


def test_what_is_no_number_is_refused_by_mujoco_in_one_line() -> None:
    with pytest.raises(ModelError, match="pos"):
        read_mjcf('<mujoco><worldbody><body><joint/><geom size="1" pos="1.2.3e99 0 0"/></body></worldbody></mujoco>')
