"""The script that makes the pictures of the docs."""

import importlib.util
from pathlib import Path

from tests.replay.drawing import skip_without_drawing
from tests.replay.test_video import moving

skip_without_drawing()

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "make" / "pictures.py"


def test_a_picture_and_a_loop_of_each_run(tmp_path, capsys) -> None:
    spec = importlib.util.spec_from_file_location("pictures", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    run, out = tmp_path / "swing", tmp_path / "images"
    run.mkdir()
    moving().save(run / "replay.npz")
    assert script.main([str(run), "--out", str(out), "--instants", "3", "--fps", "5"]) == 0
    assert sorted(file.name for file in out.iterdir()) == ["swing.webp", "swing_motion.png"]
    assert "swing.webp" in capsys.readouterr().out
    assert script.main([str(tmp_path / "none"), "--out", str(out)]) == 2
    assert "has no replay.npz" in capsys.readouterr().err
