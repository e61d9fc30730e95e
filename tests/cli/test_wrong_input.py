"""Wrong input: exit code 2, one or two lines that say what, where and what is allowed. In this process, but for a few."""

import pytest

WRONG = [
    (["tsk=reach"], 'unknown key "tsk"; known: task'),
    (["task=reech"], 'tasks: unknown option "reech"; known: reach'),
    (["polish=foo"], 'polish: unknown option "foo"; known: '),
    (["optimizer=foo", "polish=foo"], 'optimizers: unknown option "foo"; known: '),
    (["polish.damping=1"], "polish.damping: no polish is chosen; add polish=METHOD"),
    (["polish=gauss_newton", "polish.dampng=1"], 'polish: unknown key "dampng"; known: damping'),
    (["starts.candidates=3"], "starts.candidates: an identification has starts; a task has restarts: restarts.count."),
    (["shooting.window=3"], "shooting.window: an identification has shooting; the motion of a task is cut by multiple_shooting."),
    (["multiple_shooting.segments=true"], "multiple_shooting.segments: True is not allowed; allowed: auto, or a whole number"),
    (["multiple_shooting.guess=foo"], "multiple_shooting.guess: 'foo' is not allowed; allowed: rollout, interpolation"),
    (["optimizer.foo=1"], 'optimizer: unknown key "foo"; known: cost_tolerance, damping'),
    (["optimizer=lbfgs", "optimizer.lr=abc"], "optimizer.lr: abc is not possible"),
    (["optimizer=lbfgs", "optimizer.lr=-1"], "optimizer.lr: -1.0 is too small; more than 0."),
    (["optimizer=lbfgs", "+optimizer.lrr=1"], 'optimizer: unknown key "lrr"; known: lr'),
    (["+foo=1"], 'config: unknown key "foo"; known:'),
    (["task.target_pos=[1,2]"], "task.target_pos: has 2 entries, needs 3"),
    (["task.target_pos=[1,2"], "override task.target_pos=[1,2 cannot be read"),
    (["task.target_pos=[1,b,3]"], "task.target_pos: [1,b,3] is not possible: Value 'b' of type 'str'"),
    (["task.target_pos=null"], "task.target_pos: must not be null."),
    (["task=throw", "task.target_pos=???"], "must be given"),
    (["loss.final_position.weigth=3"], 'loss.final_position: unknown key "weigth"; known: weight'),
    (["+loss.x.kind=energi"], 'loss.x.kind: unknown kind "energi"; known: energy'),
    (["+loss.x.weight=1"], "loss.x.kind: must be given; known:"),
    (["scene.integrator=RK5"], 'scene.integrator: "RK5" is not allowed; known: RK4, Euler, implicit, implicitfast.'),
    (["task.horizon=2.5"], "task.horizon: 2.5 is not possible"),
    (["task.horizon=0"], "task.horizon: 0 is too small; at least 1."),
    (["task.horizon=1e9"], "task.horizon: 1000000000 time steps need "),
    (["task.horizon=1e9", "task=balance"], "of 32 environments need "),
    (["task.envs=1e9"], "task.envs: 100 time steps of 1000000000 environments need "),
    (["task.horizon=1e12"], "task.horizon: 1000000000000 is too large; at least 1 and at most 2147483647."),
    (["scene.dt=0"], "scene.dt: 0.0 is too small; at least 1e-09."),
    (["scene.dt=nan"], "scene.dt: nan is too small; at least 1e-09."),
    (["scene.dt=inf"], "scene.dt: inf is too large; at least 1e-09 and at most 100."),
    (["scene.dt=1e300"], "scene.dt: 1e+300 is too large; at least 1e-09 and at most 100."),
    (["scene.dt=true"], "scene.dt: true is not possible"),
    (["scene.substeps=0"], "scene.substeps: 0 is too small; at least 1."),
    (["scene.gravity=[0,0,1e300]"], "scene.gravity: entry (2,) is 1e+300, too large; at least -1e+06 and at most 1e+06."),
    (["runtime.seed=-1"], "runtime.seed: -1 is too small; at least 0."),
    (["runtime.seed=1e300"], "runtime.seed: 1e300 is not possible"),
    (
        ["runtime.seed=99999999999999999999"],
        "runtime.seed: a number of 20 digits is too large; at least 0 and at most 9223372036854775807.",
    ),
    (["runtime.threads=0"], "runtime.threads: 0 is too small; at least 1."),
    (["runtime.kernel_threads=100000"], "runtime.kernel_threads: 100000 is too large; at least 1 and at most 1024."),
    (["stop.iterations=1e12"], "stop.iterations: 1000000000000 is too large; at least 1 and at most 1000000000."),
    (["stop.seconds=inf"], "stop.seconds: inf is too large; more than 0 and at most 1e+30."),
    (
        ["optimizer=cmaes", "optimizer.population=1e8"],
        "optimizer.population: 100000000 is too large; at least 4 and at most 1000000.",
    ),
    (["optimizer=adam", "optimizer.betas=[0.9,2]"], "optimizer.betas: entry (1,) is 2, too large; at least 0 and at most 1."),
    (["loss.effort.weight=1e300"], "loss.effort.weight: 1e+300 is too large; at least 0 and at most 1e+30."),
    (["task.start_qpos=[nan]"], "task.start_qpos: entry (0,) is nan, no number; at most 1e+30."),
    (["robot.pos=[inf,0,0]"], "robot.pos: entry (0,) is inf, too large; at least -1e+09 and at most 1e+09."),
    (["scene.entities={a: {kind: box}}"], "scene.entities: names are added with a plus: +scene.entities.NAME=VALUE."),
    (["+scene.entities.a={kind: box, size: [1, 0, 1]}"], "scene.entities.a.size: entry (1,) is 0.0, too small; more than 0."),
    (["observation.folder=/home/jörg"], 'unknown key "observation.folder"'),
    (["stop.iterations=1,2"], "stop.iterations=1,2: several values are a sweep, which -m starts; a list is [1,2]"),
    (["loss=null"], "loss=null: a group takes the name of an option"),
    (["runtime.precision=16"], 'runtime.precision: "16" is not allowed; known: 64, 32.'),
    (["task.target_pos=${nope}"], "task.target_pos=${nope}: Interpolation key 'nope' not found."),
    (["~task"], "loss.final_position.target: Interpolation key 'task.target_pos' not found."),
    (["--config-dir", "nope"], "--config-dir: folder nope does not exist."),
    (["--config-name", "nope"], '--config-name: unknown config "nope"'),
    (["--resume", "nope"], "nope: no stored run there"),
    (["--rerun", "a", "--resume", "b"], "exclude each other"),
    (["-m", "--resume", "b"], "--resume goes on with one run"),
    (["robot.file=nope.urdf"], "robot.file: file nope.urdf not found; tried:"),
    (["loss.final_position.frame=panda_hnd"], 'unknown link or site "panda_hnd"; known: panda_hand'),
    (["parameter.controls.joints=[elbow]"], 'parameter.controls: unknown joint "elbow"; known:'),
    (["parameter.controls.count=101"], "101 knots are more than the 100 steps"),
    (["parameter.controls.bounds=[1,-1]"], "parameter.controls.bounds: entry 0: low 1 is not below high -1."),
    (["parameter.controls.init=nonsense"], 'parameter.controls.init: "nonsense" is not possible'),
    (["parameter.controls.init=[1,2]"], "parameter.controls.init: has shape (2,), needs a number or 7 of them."),
    (["parameter.controls.learn=false"], "nothing to learn"),
    (["parameter.controls.lr=0.1"], "parameter.controls.lr: levenberg_marquardt finds one step for all groups"),
    (["task.start_qpos=[0,0]"], "task.start_qpos: has shape (2,), needs a number or 7 of them."),
    (["robot.home={wrist: 1}"], "robot.home: {wrist: 1} is not possible: a list cannot take the place of a mapping"),
    (["task.start_qpos={wrist: 1}"], 'task.start_qpos: unknown joint "wrist"'),
    (["task.spread_qpos=0.1"], "a spread needs several environments"),
    (["task.target_quat=[0,0,0,0]"], "task.target_quat: the quaternion [0.0, 0.0, 0.0, 0.0] has length zero"),
    (["task.target_pos=[0,0,nan]"], "entry (2,) is nan"),
    (["loss.final_position.at=middle"], "loss.final_position: at is 'middle'; allowed: end, all, or [from, to]"),
    (["+loss.mine={kind: user, function: no_such_module.f}"], "loss.mine: module no_such_module cannot be imported"),
    (["+loss.mine={kind: user, function: math.sinn}"], 'loss.mine: unknown function "sinn"; known: sin'),
    (['+loss.mine={kind: user, function: "nope.py:f"}'], "loss.mine.function: file nope.py not found; tried: "),
    (["scene.contact=soft"], 'scene.contact: "soft" is not allowed; known: smooth, mujoco'),
    (["scene.friction_cone=square"], 'scene.friction_cone: "square" is not allowed; known: elliptic, pyramidal'),
    (["scene.max_contacts=0"], "scene.max_contacts: 0 is too small; at least 1."),
    (["scene.impratio=0"], "scene.impratio: 0.0 is too small; more than 0."),
    (["scene.solver_tolerance=-1"], "scene.solver_tolerance: -1.0 is too small; more than 0."),
    (["robot.friction=-0.5"], "robot.friction: -0.5 is too small; at least 0."),
    (["+scene.entities.floor={kind: plan}"], 'scene.entities.floor.kind: unknown kind "plan"; known: plane'),
    (["task=track", "task.path=nope.csv"], "task.path: file nope.csv not found"),
    (["task=fit", "task.truth.mas=1"], "task.truth"),
    (["task=fit", "+parameter.x={kind: field, field: link_mas}"], 'unknown physical parameter "link_mas"; known: link_mass'),
    (["task=fit", "parameter.mass.init=-1"], "parameter.mass: log is true, but pole starts at -1; give a positive init."),
    (
        ["task=fit", "+parameter.x={kind: physical, field: link_mass}"],
        'parameter.x.kind: "physical" is no kind any more; write the quantity itself, kind: mass for field: link_mass,',
    ),
    (["+schema/parameter@parameter.x=physical"], '"physical" is no kind any more; write the quantity itself'),
    (
        ["task=fit", "+parameter.x={kind: sensor_bias, channel: a}"],
        "parameter.x: sensor_bias belongs to recordings, and a task has none",
    ),
    (["task=fit", "parameter.mass.each_recording=true"], "parameter.mass.each_recording: a task has no recordings"),
    (["task=fit", "optimizer=lbfgs", "parameter.mass.lr=0.1"], "parameter.mass.lr: lbfgs finds one step for all groups"),
    (["task=excite", "+task.unknowns.x={field: link_mass}"], "task.unknowns.x.field: write the quantity itself, kind: mass"),
    (
        ["task=excite", "+task.channels.angle.joints=[a]"],
        "task.channels.angle.joints: is called task.channels.angle.names now; write task",
    ),
]


@pytest.mark.parametrize(("overrides", "message"), WRONG, ids=[" ".join(o) for o, _ in WRONG])
def test_message_and_exit_code(genesis_here, tmp_path, overrides: list[str], message: str) -> None:
    code, printed = genesis_here("optimize", *overrides)
    assert message in printed
    assert code == 2
    errors = [line for line in printed.splitlines() if "error: " in line]
    assert len(errors) == 1 and "Traceback" not in printed
    assert not (tmp_path / "outputs").exists() or not list((tmp_path / "outputs").glob("*/*")), (
        "a run that never began leaves no folder"
    )


def test_exit_codes_of_the_real_program(run_genesis) -> None:
    code, _, stderr = run_genesis("optimize", "task=reech")
    assert code == 2 and stderr.startswith("error: tasks: unknown option")
    assert run_genesis("optimize", "--bogus")[0] == 2
    assert run_genesis("optimize", "--cfg", "jobb")[0] == 2
