"""What the README shows runs as it stands."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_python_example_learns_what_it_says(engine, tmp_path, monkeypatch, capsys) -> None:
    text = (ROOT / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len([line for line in code.splitlines() if line and not line.startswith("import ")]) == 5, "five lines"
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["result"].status == "converged" and names["motion"].shape[0] == 101
    assert capsys.readouterr().out.splitlines()[1].endswith(" True") and list(tmp_path.iterdir()) == []


def test_exactly_two_set_up_commands() -> None:
    part = (ROOT / "README.md").read_text().split("## Set-up")[1].split("\n## ")[0]
    assert len(re.findall(r"^pip install .*$", part, re.M)) == 2
