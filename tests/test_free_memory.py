"""Memory that may still be taken: what the system says, and what the control group of the process leaves."""

from types import SimpleNamespace

import pytest
import torch

from genesis import runtime

GIB = 2**30


def group(folder, limit, used: int, inactive: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("max", limit), ("current", used), ("stat", f"anon 5\ninactive_file {inactive}\nactive_file 7")):
        (folder / f"memory.{name}").write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("outer", "inner", "free"),
    [
        ((8 * GIB, 3 * GIB), (4 * GIB, 1 * GIB), 3 * GIB),
        ((4 * GIB, 3 * GIB), (8 * GIB, 1 * GIB), 1 * GIB),
        ((8 * GIB, 3 * GIB), ("max", 1 * GIB), 5 * GIB),
        ((8 * GIB, 3 * GIB), (4 * GIB, 4 * GIB, 3 * GIB), 3 * GIB),
        (("max", 3 * GIB), ("max", 1 * GIB), float("inf")),
    ],
)
def test_the_tightest_group_is_the_bound(tmp_path, outer, inner, free):
    group(tmp_path / "fs" / "a", *outer)
    group(tmp_path / "fs" / "a" / "b", *inner)
    group(tmp_path, 1, 0)  # outside the tree of groups
    own = tmp_path / "cgroup"
    own.write_text("4:memory:/elsewhere\n0::/a/b\n")
    assert runtime._free_in_cgroup(own, tmp_path / "fs") == free


@pytest.mark.parametrize("text", [None, "", "4:memory:/a\n", "0::/gone\n", "0::/\n"])
def test_without_groups_there_is_no_bound(tmp_path, text):
    own = tmp_path / "cgroup"
    if text is not None:
        own.write_text(text)
    assert runtime._free_in_cgroup(own, tmp_path / "fs") == float("inf")


def test_a_process_in_a_container_sees_its_own_group_as_the_root(tmp_path):
    group(tmp_path / "fs", 4 * GIB, GIB)
    (tmp_path / "cgroup").write_text("0::/\n")
    assert runtime._free_in_cgroup(tmp_path / "cgroup", tmp_path / "fs") == 3 * GIB


def test_free_memory_is_the_least_of_both(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(runtime, "_free_in_cgroup", lambda own, root: 1234.0)
    assert runtime.free_memory(cpu) == 1234.0
    monkeypatch.setattr(runtime, "_free_in_cgroup", lambda own, root: float("inf"))
    assert 2**20 < runtime.free_memory(cpu) < 2**50


def test_what_torch_keeps_of_a_device_is_free(monkeypatch):
    figures = {"mem_get_info": (5 * GIB, 9 * GIB), "memory_reserved": 3 * GIB, "memory_allocated": GIB}
    for name, value in figures.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    assert runtime.free_memory(SimpleNamespace(type="cuda")) == 7 * GIB
