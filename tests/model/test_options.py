"""Options of constraints: the user's, else the files', else the default of the law of contacts."""

from genesis.description.description import FileOptions
from genesis.model.options import ConstraintOptions, ConstraintRequest, agreed, resolve


def stating(**options) -> FileOptions:
    return FileOptions(**options, stated=frozenset(options))


FILE = stating(cone="elliptic", impratio=5.0, iterations=7)


def test_the_user_comes_before_the_file_and_the_file_before_the_default():
    assert resolve(ConstraintRequest(contact="mujoco"), []) == ConstraintOptions(contact="mujoco")
    said = resolve(
        ConstraintRequest(contact="mujoco", impratio=2.0, max_contacts=9), [FileOptions(cone="pyramidal", impratio=3.0), FILE]
    )
    assert said == ConstraintOptions(contact="mujoco", cone="elliptic", impratio=2.0, max_contacts=9)  # 7: for another solver


def test_the_smooth_law_takes_elliptic_cones_unless_asked():
    flat = [stating(cone="pyramidal")]
    assert resolve(ConstraintRequest(), flat).cone == "elliptic"
    assert resolve(ConstraintRequest(cone="pyramidal"), []).cone == "pyramidal"


def test_files_that_disagree_leave_the_default():
    """A file that states nothing does not disagree: its values are the defaults of its format."""
    files = [FILE, stating(cone="pyramidal", impratio=5.0, iterations=7)]
    assert agreed("cone", files) is None and agreed("impratio", files) == 5.0
    assert agreed("impratio", [FileOptions(impratio=1.0), *files]) == 5.0 and agreed("impratio", []) is None
    assert resolve(ConstraintRequest(contact="mujoco"), files) == ConstraintOptions(
        contact="mujoco", cone="pyramidal", impratio=5.0
    )
    assert resolve(ConstraintRequest(contact="mujoco", cone="elliptic"), files).cone == "elliptic"
