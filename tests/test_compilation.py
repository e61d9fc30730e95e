"""Kernels that were compiled are told from those that were read: by how long tracing took beside."""

import pytest

from genesis.compilation import COMPILATION, Compilation


def test_what_takes_longer_than_tracing_was_compiled() -> None:
    done = Compilation()
    done.end(0.5, 0.1)
    assert (done.kernels, done.seconds) == (0, 0.0)
    done.end(0.5, 4.0)
    done.end(0.2, 0.7)
    assert done.kernels == 2 and done.seconds == pytest.approx(5.4)


def test_watchers_hear_of_each_kernel_before_it_is_made(engine, monkeypatch) -> None:
    import genesis as gs

    heard: list[str] = []
    monkeypatch.setattr(COMPILATION, "watchers", [lambda: heard.append("begin")])
    monkeypatch.setattr(COMPILATION, "end", lambda traced, compiled: heard.append(f"end {traced > 0.0} {compiled > 0.0}"))
    scene = gs.Scene()
    scene.add_entity(gs.morphs.Sphere(radius=0.1, pos=(0.0, 0.0, 1.0)))
    scene.build()
    scene.step()
    assert heard[:2] == ["begin", "end True True"] and len(heard) % 2 == 0
    before = len(heard)
    scene.step()
    assert len(heard) == before
