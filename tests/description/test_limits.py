"""Names of robot files: what CAD programs write is taken, control characters are not."""

import pytest

from genesis.description.read import read_urdf
from genesis.errors import ModelError
from tests.description.hostile import LINK


def robot(name: str) -> str:
    return f'<robot name="r"><material name="m{name}"><color rgba="1 0 0 1"/></material>{LINK.format("a" + name)}</robot>'


@pytest.mark.parametrize("space", ["\u00a0", "\u3000", "\u200b", "\u2028"])
def test_a_space_of_another_width_is_part_of_a_name(space: str) -> None:
    assert read_urdf(robot(f"{space}b")).links[0].name == f"a{space}b"


@pytest.mark.parametrize("reference", ["&#10;", "&#9;", "&#133;"])
def test_a_control_character_is_not(reference: str) -> None:
    with pytest.raises(ModelError, match="control character"):
        read_urdf(robot(f"{reference}b"))
