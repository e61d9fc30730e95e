"""What the README shows runs as it stands."""

import re
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]


def test_the_python_example_learns_something_from_its_loss(engine, monkeypatch) -> None:
    text = (ROOT / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    monkeypatch.chdir(ROOT)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    forces, trajectory, arm = names["forces"], names["trajectory"], names["arm"]
    loss = (trajectory.point(arm, "panda_hand")[-1] - torch.tensor([0.5, 0.2, 0.4])).square().sum()
    (again,) = torch.autograd.grad(loss, forces)
    torch.testing.assert_close(again, forces.grad, rtol=1e-9, atol=1e-12)


def test_exactly_two_set_up_commands() -> None:
    part = (ROOT / "README.md").read_text().split("## Set-up")[1].split("\n## ")[0]
    assert len(re.findall(r"^pip install .*$", part, re.M)) == 2
