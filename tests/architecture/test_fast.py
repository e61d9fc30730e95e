"""The fast tier: `pytest -m fast`."""

from tests.conftest import FAST, TESTS


def test_what_is_named_fast_is_there() -> None:
    assert [name for name in FAST if not (TESTS / name).exists()] == []
    assert list(FAST) == sorted(FAST)
