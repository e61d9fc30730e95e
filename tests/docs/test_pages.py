"""Blocks of pages run as they stand, and give what the pages say of them."""

import re
import shlex

import mujoco
import numpy as np
import pytest
import torch

from tests.docs.conftest import blocks


def run(page: str) -> list[dict]:
    """Names after each Python block of a page; a block knows those of the blocks before it."""
    names: dict = {}
    after = []
    for language, content in blocks(page):
        if language == "python":
            exec(compile(content, f"docs/{page}", "exec"), names)
            after.append(dict(names))
    return after


def test_concepts(engine, in_folder) -> None:
    (names,) = run("concepts.md")
    dt, steps = 0.01, 50
    fall = torch.tensor([0.0, 0.0, 1.0 - 9.81 * dt * dt * steps * (steps + 1) / 2], dtype=torch.float64)
    away = names["velocity"].detach()[:3] * dt * steps + fall
    wanted = 2 * (away - torch.tensor([2.0, 0.0, 1.0], dtype=torch.float64)) * dt * steps
    torch.testing.assert_close(names["velocity"].grad[:3], wanted, rtol=1e-9, atol=1e-9)


def test_coming_from(engine, in_folder) -> None:
    box, pendulum, drake, crocoddyl = run("coming_from.md")
    gain = box["push"].grad[:, 0]
    assert gain.shape == (4,) and (gain > 0).all() and torch.allclose(gain, gain[0].expand(4))

    model = mujoco.MjModel.from_xml_string(pendulum["PENDULUM"])
    data = mujoco.MjData(model)
    data.qpos[0] = 0.3
    state, controls = np.zeros((2, 2)), np.zeros((2, 0))
    mujoco.mjd_transitionFD(model, data, 1e-6, True, state, controls, None, None)
    np.testing.assert_allclose(pendulum["step"].state.squeeze().numpy(), state, atol=1e-7)

    assert drake["K"].shape == (1, 4)
    assert crocoddyl["result"].status == "converged" and crocoddyl["problem"].parameters["controls"].value().shape == (150, 1)


def symptoms() -> list[tuple[str, str]]:
    """(command, what it prints) of each pair of blocks of the page, which has no others."""
    found = blocks("troubleshooting.md")
    assert [language for language, _ in found] == ["bash", "text"] * (len(found) // 2)
    return [
        (a.strip(), b.strip())
        for (first, a), (second, b) in zip(found, found[1:], strict=False)
        if (first, second) == ("bash", "text")
    ]


@pytest.mark.parametrize(("command", "said"), symptoms(), ids=lambda value: value[:60])
def test_troubleshooting_shows_what_is_printed(genesis_here, run_genesis, command, said) -> None:
    assert command.startswith("genesis "), "one command a block"
    if "runtime=gpu" in command and torch.cuda.is_available():
        pytest.skip("this machine has what the page says is missing")
    words = shlex.split(command)[1:]
    # another engine would end the one that all tests here share; a user's module may have been imported by another test
    if any(word.startswith("runtime") or "function:" in word for word in words):
        code, *both = run_genesis(*words)
        printed = "".join(both)
    else:
        code, printed = genesis_here(*words)
    assert re.sub(r"\s+", " ", said) in re.sub(r"\s+", " ", printed)
    assert (code == 2) is said.startswith("error: ") or "environment 0" in said or "observation.folder" in said
