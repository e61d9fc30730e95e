"""`--json`: one document on stdout and nothing else, with the numbers of the tables."""

import json
import math

import pytest

from genesis_cli import console
from tests.cli.conftest import last_run


@pytest.fixture
def parsed(genesis_here, capsys, monkeypatch):
    """Run `genesis ARGS --json` in this process: its document."""
    from genesis_cli import app

    def run(*args: str):
        console.stdout.cache_clear()
        console.stderr.cache_clear()
        monkeypatch.setattr("sys.argv", ["genesis", *args, "--json"])
        with pytest.raises(SystemExit):
            app.main()
        return json.loads(capsys.readouterr().out)

    return run


def test_show(parsed) -> None:
    assert {"reach", "throw"} <= set(parsed("show", "groups")["task"]["options"])
    keys = {row["key"]: row for row in parsed("show", "keys", "task=throw", "stop.iterations=7")}
    assert keys["stop.iterations"]["value"] == "7" and keys["scene.self_collision"]["meaning"]
    assert parsed("show", "config", "task=throw", "stop.iterations=7")["stop"]["iterations"] == 7


def test_show_scene(parsed) -> None:
    found = parsed("show", "scene", "task=throw")
    assert found["entities"][0]["degrees of freedom"] == 6 and found["scene"]["joints"] == {"count": 1, "of": "1 free"}


def test_doctor(parsed) -> None:
    found = parsed("doctor")
    assert found["ok"] is True and [check["check"] for check in found["checks"]][-1] == "gradient"


def test_a_sweep_and_the_difference_of_two_of_its_jobs(parsed, genesis_here, tmp_path) -> None:
    words = ["task=throw", "optimizer=adam", "optimizer.lr=0.1,1", "stop.iterations=1", "logging.progress=false"]
    genesis_here("optimize", "-m", *words)
    (sweep,) = (tmp_path / "outputs" / "multirun").glob("*/*")
    table = parsed("sweep", "table", str(sweep), "--sort", "job")
    assert table["keys"] == ["optimizer.lr"] and table["compared_by"] == "objective"
    assert [(job["job"], job["optimizer.lr"]) for job in table["jobs"]] == [(0, 0.1), (1, 1)]
    assert all(math.isfinite(job["metrics.miss_mm"] if "metrics.miss_mm" in job else job["miss_mm"]) for job in table["jobs"])
    found = parsed("show", "diff", str(sweep / "0"), str(sweep / "1"))
    assert found["config"] == {"optimizer.lr": [0.1, 1.0]} and found["result"]["status"] == ["not_converged"] * 2


def test_an_identification(parsed, genesis_here, tmp_path) -> None:
    found = parsed("sysid", "stop.iterations=1", "logging.report=false", "logging.replay=false", "logging.tensorboard=false")
    assert found["iterations"] == 1 and {"mass", "damping"} <= {name.partition("/")[0] for name in found["names"]}
    assert found == json.loads((last_run(tmp_path) / "result.json").read_text())
    code, said = genesis_here("sysid", "-m", "stop.iterations=1,2", "--json")
    assert code == 2 and "genesis sweep table DIR --json" in said


def test_what_json_lacks(capsys) -> None:
    console.document({1: [math.nan, math.inf, 2.0, True, None], "p": pytest})
    made = json.loads(capsys.readouterr().out)
    assert made["1"] == [None, None, 2.0, True, None] and "pytest" in made["p"]
