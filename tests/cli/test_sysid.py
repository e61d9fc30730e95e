"""`genesis sysid` end to end: what it finds in measured motion, what it stores and shows, how it goes on, what it refuses."""

import csv
import json
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from genesis.errors import UnsupportedError
from genesis.scene import morphs
from genesis.scene.options import SimOptions
from genesis.scene.scene import Scene
from genesis_cli.commands.sysid import say_inside, write_models
from genesis_cli.paths import config_dir
from tests.cli.conftest import last_run
from tests.cli.test_commands import result_of

# Without dry friction, whose kernels take long: enough to see how a run begins, stops and ends.
SHORT = ("~parameter.dry_friction", "logging=quiet")
LEVER, G = 0.45, 9.81
LEARNED = ("mass", "armature", "damping", "dry_friction", "torque_bias")


@pytest.mark.slow
def test_the_pendulum_that_ships(run_genesis, tmp_path) -> None:
    """Nothing but the command: five numbers from two swing-ups, checked on two others."""
    code, printed, _ = run_genesis("sysid", "logging=quiet", "logging.report=true")
    folder = last_run(tmp_path)
    assert code == 0 and "converged: " in printed and str(folder / "report.html") in printed
    result = result_of(folder)
    found = {e["name"]: e["value"] for e in result["estimates"]}
    moment = found["mass/pendulum"] * LEVER**2 + 0.0027 + found["armature/pivot"]
    assert found["mass/pendulum"] * G * LEVER / moment == pytest.approx(19.8, rel=0.03)
    after = {row["recording"]: row["after"] for row in result["rmse"] if row["recording"] != "all"}
    marks = {"ddp": 0.035, "dircol": 0.03, "energy_shaping": 0.02, "sac": 0.02}
    assert set(after) == set(marks) and all(after[name] <= mark for name, mark in marks.items()), after
    assert result["models"] == ["simple_pendulum.identified.urdf", "simple_pendulum.identified.yaml"]
    for name in ("report.html", "metrics.jsonl", "config.yaml", "checkpoints/last.pt", *result["models"]):
        assert (folder / name).is_file(), name
    with np.load(folder / "solution.npz") as solution:
        assert solution["estimate/mass/pendulum"][0] == found["mass/pendulum"] == solution["physical/link_mass"][-1]


def test_the_identified_model_loads_with_its_values(genesis_here, tmp_path) -> None:
    code, printed = genesis_here("sysid", *SHORT, "stop.iterations=2")
    folder = last_run(tmp_path)
    assert code == 1 and "not_converged: the 2 iterations are used up" in printed and "simple_pendulum.identified.urdf" in printed
    found = {e["name"]: e["value"] for e in result_of(folder)["estimates"]}
    scene = Scene(sim_options=SimOptions(dt=0.002))
    scene.add_entity(morphs.URDF(file=str(folder / "simple_pendulum.identified.urdf"), fixed=True), name="it")
    scene.build(n_envs=0)
    made = scene.rigid_solver.parameters
    assert float(made.value("link_mass")[0, -1]) == pytest.approx(found["mass/pendulum"], rel=1e-9)
    assert float(made.value("dof_damping")[0, 0]) == pytest.approx(found["damping/pivot"], rel=1e-9, abs=1e-12)
    beside = (folder / "simple_pendulum.identified.yaml").read_text()
    assert "dof_armature" in beside and f"{found['armature/pivot']!r}" in beside


def test_a_wrong_sign_does_not_fit(genesis_here, tmp_path) -> None:
    """Exit code 1, the cause in the terminal and in the report, a robot file that says it inside and loads all the same."""
    log = f"observation.files=[{{path: {config_dir() / 'observations/simple_pendulum/ddp.csv'}, end: 4.0}}]"
    short = (
        "~parameter.dry_friction",
        "~parameter.mass",
        "observation.validation.files=[]",
        log,
        "stop.iterations=60",
        "logging.replay=false",
    )
    code, printed = genesis_here("sysid", *short, "observation.inputs.torque.scale=-1")
    folder = last_run(tmp_path)
    assert code == 1 and result_of(folder)["status"] == "does_not_fit"
    cause = "likeliest cause: the torque of pivot seems to have the opposite sign (correlation of needed and measured torque -0.9"
    assert f"does_not_fit: {result_of(folder)['reason']}" in printed and cause in printed
    assert printed.count("fit of angle: ") == 1 and "simple_pendulum.identified.urdf (NOT TRUSTED stands inside)" in printed
    page = (folder / "report.html").read_text()
    assert '<p class="chip bad">does not fit</p>' in page and "seems to have the opposite sign" in page
    model = folder / "simple_pendulum.identified.urdf"
    assert model.read_text().splitlines()[1].startswith("<!-- NOT TRUSTED: does_not_fit: angle: residuals of ")
    assert (folder / "simple_pendulum.identified.yaml").read_text().startswith("# NOT TRUSTED: does_not_fit: ")
    scene = Scene()
    scene.add_entity(morphs.URDF(file=str(model), fixed=True), name="it")
    scene.build(n_envs=0)


@pytest.mark.parametrize(("name", "code"), [("write_report", 1), ("write_tensorboard", 1), ("found", 1)])
def test_an_answer_outlives_what_is_drawn_of_it(genesis_here, tmp_path, monkeypatch, name: str, code: int) -> None:
    def fails(*_, **__):
        raise KeyError("lost")

    module = "genesis.runners.identify" if name == "found" else "genesis.runners.report"
    monkeypatch.setattr(f"{module}.{name}", fails)
    made, printed = genesis_here(
        "sysid",
        *SHORT,
        "~parameter.mass",
        "stop.iterations=1",
        "logging.replay=false",
        "logging.report=true",
        "logging.tensorboard=true",
    )
    result = result_of(last_run(tmp_path))
    assert made == code and result["status"] == "not_converged" and "estimates" in result
    assert f"{'error' if name == 'found' else 'warning'}: " in printed and "KeyError: 'lost'" in printed
    assert name == "found" or "simple_pendulum.identified.urdf" in result["models"]


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("<robot/>", "<!-- a - - -b - -> c-\nd -  -->\n<robot/>"),
        ('<?xml version="1.0"?>\n<robot/>\n', '<?xml version="1.0"?>\n<!-- a - - -b - -> c-\nd -  -->\n<robot/>\n'),
    ],
)
def test_a_comment_holds_what_a_comment_may(tmp_path, text: str, made: str) -> None:
    path = tmp_path / "arm.xml"
    path.write_text(text)
    say_inside(path, "a ---b --> c-\nd -")
    assert path.read_text() == made
    ElementTree.parse(path)


def test_a_sweep_says_which_is_best(genesis_here, tmp_path) -> None:
    code, printed = genesis_here("sysid", "-m", *SHORT, "stop.iterations=1,3")
    (sweep,) = (tmp_path / "outputs" / "multirun").glob("*/*")
    with (sweep / "results.csv").open() as file:
        table = list(csv.DictReader(file))
    results = [json.loads((sweep / str(n) / "result.json").read_text()) for n in (0, 1)]
    assert code == 1 and "best: job 1 (not_converged), objective " in printed and "stop.iterations=3" in printed
    for row, result in zip(table, results, strict=True):
        assert float(row["objective"]) == result["objective_best"]
        (whole,) = (r["after"] for r in result["rmse"] if (r["recording"], r["split"]) == ("all", "train"))
        assert float(row["rmse_train_angle"]) == whole and float(row["seconds"]) > 0.1
    assert genesis_here("sweep", "best", str(sweep))[0] == 0


def test_a_sweep_over_optimizers(genesis_here, tmp_path) -> None:
    """The same loop: every one has its lines with the same keys, and stops where it is told."""
    code, printed = genesis_here("sysid", "-m", *SHORT, "optimizer=levenberg_marquardt,lbfgsb,adam", "stop.iterations=2")
    (sweep,) = (tmp_path / "outputs" / "multirun").glob("*/*")
    results = [result_of(sweep / str(n)) for n in range(3)]
    assert code == 1 and {r["reason"] for r in results} == {"the 2 iterations are used up"}
    assert len({r["objective_first"] for r in results}) == 1
    assert results[0]["objective_best"] < results[2]["objective_best"] < results[2]["objective_first"]
    keys = set()
    for n in range(3):
        lines = [json.loads(line) for line in (sweep / str(n) / "metrics.jsonl").read_text().splitlines()]
        assert [line["iteration"] for line in lines] == [0, 1, 2]
        keys |= {frozenset(set(line) - {"method"}) for line in lines}
    assert keys == {
        frozenset(
            ["iteration", "stage", "objective", "terms", "metrics", "gradient_norm", "learning_rate", "seconds", "simulations"]
        )
    }
    assert set(lines[0]["learning_rate"]) == set(lines[0]["gradient_norm"]) == {"mass", "armature", "damping", "torque_bias"}


def test_a_study_prunes_identifications(genesis_here, tmp_path) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    code, printed = genesis_here(
        "sysid", "-m", *SHORT, "sweep=optuna", "parameter.mass.init=choice(0.7,4.0)", "stop.iterations=2", "hydra.sweeper.trials=5",
        "hydra.sweeper.pruner=median", "hydra.sweeper.pruner_options={n_startup_trials: 1}", "hydra.sweeper.sampler=random",
    )  # fmt: skip
    (sweep,) = (tmp_path / "outputs" / "multirun").glob("*/*")
    with (sweep / "results.csv").open() as file:
        table = list(csv.DictReader(file))
    pruned = [row for row in table if row["status"] == "pruned"]
    assert pruned and {row["parameter.mass.init"] for row in pruned} == {"4.0"}
    assert all("worse than other trials were there" in row["reason"] for row in pruned)


def test_batched_is_refused_in_one_line(genesis_here) -> None:
    """The windows of one identification fill the lanes already; other launchers run several."""
    code, printed = genesis_here("sysid", "-m", *SHORT, "launcher=batched", "parameter.mass.init=0.7,0.8")
    assert code == 2 and printed.count("error: ") == 1 and "launcher=joblib" in printed


def test_resume_goes_on_to_the_same_answer(genesis_here, tmp_path) -> None:
    genesis_here("sysid", *SHORT, "stop.iterations=4")
    whole = result_of(last_run(tmp_path))
    code, printed = genesis_here("sysid", *SHORT, "stop.iterations=4", "stop.seconds=1e-3")
    folder = last_run(tmp_path)
    assert code == 1 and "the 0.001 seconds are used up (iteration 0" in printed
    genesis_here("sysid", "--resume", str(folder), "stop.seconds=null")
    assert last_run(tmp_path) == folder
    found = result_of(folder)
    assert found["history"] == whole["history"] and found["estimates"] == whole["estimates"]
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["objective"] for line in lines] == [row["objective"] for row in whole["history"]]
    code, printed = genesis_here("sysid", "--resume", str(folder), "~parameter.damping")
    assert code == 2 and "resume needs the same" in printed


WRONG = [
    (["+parameter.x.kind=masss"], 'parameter.x.kind: unknown kind "masss"; known: mass'),
    (["parameter.mass.names=[rod]"], 'parameter.mass.names: unknown link "rod"; known:'),
    (["parameter.damping.names=[pivott]"], 'parameter.damping.names: unknown joint "pivott"; known: pivot'),
    (
        ["parameter.mass.bounds=[1,2]"],
        "parameter.mass: pendulum starts at 0.676, outside its bounds [1, 2]; change init or bounds.",
    ),
    (["parameter.damping.init=-1"], "parameter.damping: pivot starts at -1, outside its bounds [0, inf]"),
    (["parameter.torque_bias.log=true"], "parameter.torque_bias: log is true, but pivot starts at 0; give a positive init."),
    (["parameter.mass.prior=1"], "parameter.mass.prior: 1 is not allowed; write [mean, std]"),
    (["parameter.mass.prior=[1,0]"], "parameter.mass.prior: a standard deviation is 0; it must be positive."),
    (["+parameter.x={kind: knots}"], "parameter.x: knots belongs to a task; recordings bring their own controls and starts."),
    (
        ["parameter.mass.lr=0.1"],
        "parameter.mass.lr: levenberg_marquardt finds one step for all groups; leave lr out, or use a first-order optimizer.",
    ),
    (
        ["parameter.mass.transform=smooth", "parameter.mass.bounds=[0.1,2]", "statistics.profile=[mass/*]"],
        "parameter.mass.transform: smooth bounds have no profile (statistics.profile); use clamp.",
    ),
    (["parameter.torque_bias.input=torqe"], 'parameter.torque_bias.input: unknown input "torqe"; known: torque'),
    (["restarts.count=2"], "restarts.count: tasks have restarts; an identification has further starts: starts.candidates."),
    (["multiple_shooting.segments=4"], "multiple_shooting.segments: tasks have multiple_shooting; an identification has windows"),
    (["polish.damping=1"], "polish.damping: no polish is chosen; add polish=METHOD"),
    (["optimizer=newton"], 'optimizers: unknown option "newton"; known:'),
    (["optimizer.kind=newton"], 'optimizer.kind: unknown kind "newton"; known:'),
    (["stop.iterations=0"], "stop.iterations: 0 is too small; at least 1."),
    (["solver=lbfgsb"], "solver: is called optimizer now; write optimizer=lbfgsb."),
    (["solvers=lbfgsb"], "solvers: is called optimizer now; write optimizer=lbfgsb."),
    (["solver.iterations=5"], "solver.iterations: is called stop.iterations now; write stop.iterations=5."),
    (["+solver.windows=5"], "solver.windows: is called shooting.mini_batch now; write shooting.mini_batch=5."),
    (
        ["solver.cost_tolerance=1"],
        "solver.cost_tolerance: is called optimizer.cost_tolerance now; write optimizer.cost_tolerance=1.",
    ),
    (
        ["shooting.mini_batch=4"],
        "shooting.mini_batch: gradients of some windows are for optimizers that take one a step, such as adam",
    ),
    ([f"parameter.{name}.learn=false" for name in LEARNED], "parameter: nothing is identified; give at least one parameter with"),
    (["shooting.window=0.001"], "shooting.window: 0.001 s is less than 2 time steps of scene.dt = 0.002 s."),
    (
        ["shooting.curriculum=[0.5,0.25]"],
        "shooting.curriculum: [0.5, 0.25]; allowed: at least two lengths of windows [s] that grow",
    ),
    (["statistics.chi2=0"], "statistics.chi2: 0.0 is too small; more than 0."),
    (["--from", "nowhere"], "/nowhere cannot be read (No such file or directory); give the folder of a run of genesis sysid"),
    (["shooting.overlap=1"], "shooting.overlap: 1; allowed: 0 to less than 1."),
    (["statistics.errors=robust"], 'statistics.errors: "robust" is not allowed; known:'),
    (["statistics.profile=[mas]"], 'statistics.profile: unknown parameter "mas"; known: armature/pivot'),
    (["optimizer=cmaes", "parameter.start.learn=true"], "optimizer: cmaes does not estimate start states"),
    (["observation.files=[nope.csv]"], "nope.csv"),
    (["+observation.inputs.torque.columns.pivott=tau"], 'unknown joint "pivott"; known: pivot'),
]


@pytest.mark.parametrize(("overrides", "message"), WRONG, ids=[" ".join(o)[:60] for o, _ in WRONG])
def test_wrong_input(genesis_here, overrides: list[str], message: str) -> None:
    code, printed = genesis_here("sysid", "logging=quiet", *overrides)
    assert message in printed
    errors = [line for line in printed.splitlines() if "error: " in line]
    assert code == 2 and len(errors) == 1 and "Traceback" not in printed


def test_models_that_cannot_be_written_are_told(tmp_path, capsys, monkeypatch) -> None:
    from genesis.scene import export
    from genesis_cli import console

    console.stderr.cache_clear()

    def refuse(entity, values, out):
        raise UnsupportedError("arm.urdf: no")

    body = SimpleNamespace(morph=morphs.URDF(file="arm.urdf"))
    setting = SimpleNamespace(robot=body, entities={"arm": body, "box": SimpleNamespace(morph=morphs.Box(size=(1, 1, 1)))})
    monkeypatch.setattr(export, "write_entity", refuse)
    assert write_models(tmp_path, setting, {"link_mass": np.ones(1)}) == []
    assert "note: the model of arm is not written: arm.urdf: no" in capsys.readouterr().err
    assert write_models(tmp_path, setting, {}) == [] and capsys.readouterr().err == ""
    console.stderr.cache_clear()


def test_torques_of_the_pendulum_that_ships(genesis_here, tmp_path) -> None:
    """residual=torque: the same command, folder and files; mgl of the published fits from linear least squares alone."""
    code, printed = genesis_here("sysid", "residual=torque", "logging=quiet")
    folder = last_run(tmp_path)
    result = result_of(folder)
    found = {e["name"]: e["value"] for e in result["estimates"]}
    assert found["mass/pendulum"] * G * 0.434 == pytest.approx(3.43, rel=0.03)
    assert {row["channel"] for row in result["rmse"]} == {"torque"} and result["simulations"] == 0
    assert len(result["base_parameters"]) == 5 and "base parameter" in printed and "held out" in printed
    (row,) = result["torque_errors"]
    assert row["joint"] == "pivot" and row["base_train"] <= row["base_unseen"] < 0.15 and row["base_validation"] < 0.3
    assert (
        result["linear_floor"] > 0.0
        and result["status"] in ("converged", "does_not_fit")
        and code == (result["status"] != "converged")
    )
    assert (folder / "simple_pendulum.identified.urdf").is_file() and not (folder / "replay.html").exists()


def test_a_residual_that_there_is_not(genesis_here) -> None:
    code, printed = genesis_here("sysid", "residual=torques")
    assert code == 2 and 'residual: "torques" is not allowed; known: torque, motion' in printed


def test_torques_have_no_starts(genesis_here) -> None:
    code, printed = genesis_here("sysid", "residual=torque", "starts.candidates=4")
    assert code == 2 and "starts: residual=torque begins at its own linear least squares" in printed


def test_a_start_that_costs_more_is_told(genesis_here, tmp_path) -> None:
    """What the forces say is not dropped in silence, and taken where that is wanted."""
    options = (*SHORT, "starts.equation_error=true", "stop.iterations=1")
    _, printed = genesis_here("sysid", *options)
    before = result_of(last_run(tmp_path))
    (warning,) = [text for text in before["warnings"] if text.startswith("starts.equation_error: ")]
    assert " in simulation, the described ones 98" in warning and "starts.force=true" in warning and warning[:40] in printed
    genesis_here("sysid", *options, "starts.force=true")
    after = result_of(last_run(tmp_path))
    assert not [text for text in after["warnings"] if text.startswith("starts.equation_error: ")]
    first = [json.loads(line)["objective"] for line in (last_run(tmp_path) / "metrics.jsonl").read_text().splitlines()][0]
    assert first > 2.0 * before["objective_first"]
