"""gs.init and gs.destroy, each in a fresh interpreter; what `import genesis` costs."""

import subprocess
import sys

import pytest

import genesis as gs
from genesis import runtime
from genesis.errors import InputError, StateError, UnknownNameError, UnsupportedError


def test_import_is_light(run_python):
    code = "import sys, time; t = time.process_time(); import genesis as gs, genesis.errors; t = time.process_time() - t\n"
    code += "assert 'torch' not in sys.modules and 'taichi' not in sys.modules and 'numpy' not in sys.modules; assert t < 0.1, t"
    assert run_python(code) == (0, "")


def test_init_prints_nothing_and_may_be_repeated_after_destroy(run_python):
    code = """
import genesis as gs, torch
gs.init(seed=3)
assert (gs.tc_float, gs.tc_int, gs.tc_bool, gs.device.type, gs.backend, gs.EPS) == (
    torch.float32, torch.int32, torch.bool, "cpu", gs.cpu, 1e-15)
first = torch.rand(1).item()
gs.destroy()
gs.destroy()
gs.init(precision="64", seed=3)
assert gs.tc_float is torch.float64 and torch.rand(1).item() == first and gs.np_float(1.0).dtype == "float64"
"""
    assert run_python(code) == (0, "")


def test_second_init(run_python):
    code = """
import genesis as gs
gs.init(precision="64")
gs.init(precision="64")
try:
    gs.init(precision="32")
except gs.StateError as error:
    print(error)
"""
    status, text = run_python(code)
    assert status == 0
    assert text.count("already initialized") == 2 and "nothing to do" in text and "call gs.destroy() first" in text


def test_use_before_init_and_after_destroy(run_python):
    code = """
import genesis as gs
for use in (lambda: gs.device, lambda: gs.zeros(2), lambda: gs.Scene()):
    try:
        use()
    except gs.StateError as error:
        assert "Call gs.init() first" in str(error)
    else:
        raise SystemExit("no error")
gs.init(precision="64", logging_level="error")
scene = gs.Scene()
box = scene.add_entity(gs.morphs.Box(size=(1, 1, 1)))
scene.build()
scene.step()
solver, made = scene.rigid_solver, scene.rollout([[0.0] * 6] * 2)
gs.destroy()
for use in (scene.step, box.get_pos):
    try:
        use()
    except gs.StateError as error:
        assert "before gs.destroy()" in str(error)
    else:
        raise SystemExit("no error")
gs.init(precision="64", logging_level="error")
uses = [scene.step, box.get_pos, lambda: box.set_qpos([0.0] * 7), solver.step, solver.get_gravity, lambda: made.links_pos]
for use in uses:
    try:
        use()
    except gs.StateError as error:
        assert "before gs.destroy()" in str(error)
    else:
        raise SystemExit("no error")
assert made.qpos.shape == (3, 7)
again = gs.Scene()
ball = again.add_entity(gs.morphs.Sphere())
again.build()
again.step()
assert abs(ball.get_vel()[2].item() + 0.0981) < 1e-12
"""
    assert run_python(code) == (0, "")


def test_threads_from_the_environment(monkeypatch):
    monkeypatch.setenv(runtime.THREADS_VARIABLE, "2")
    assert runtime._threads(None) == 2 and runtime._threads(1) == 1
    monkeypatch.setenv(runtime.THREADS_VARIABLE, "many")
    with pytest.raises(InputError, match=r"GENESIS_NUM_THREADS is 'many'; allowed: 1, 2, 3"):
        runtime._threads(None)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"precision": "16"}, InputError, 'precision is "16"; allowed: "32", "64"'),
        ({"backend": "cup"}, UnknownNameError, 'unknown backend "cup"; known: cpu'),
        ({"logging_level": "warn"}, UnknownNameError, "known: warning"),
        ({"theme": "drak"}, UnknownNameError, "known: dark"),
        ({"performance_mode": True}, UnsupportedError, "performance_mode"),
        ({"backend": "metal"}, UnsupportedError, "supported: cpu, cuda"),
    ],
)
def test_wrong_arguments(arguments, error, message, monkeypatch):
    monkeypatch.setattr(runtime, "_runtime", None)
    with pytest.raises(error, match=message):
        gs.init(**arguments)


def test_a_gpu_that_is_not_there(monkeypatch, caplog):
    torch = pytest.importorskip("torch")
    caplog.set_level("WARNING", logger="genesis")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="no CUDA device; there is: cpu"):
        runtime._device(gs.cuda)
    assert runtime._device(gs.gpu)[0] is gs.cpu
    assert "no GPU found; running on the CPU" in caplog.text


def test_unknown_names_of_the_module():
    with pytest.raises(AttributeError, match="nearest: Scene"):
        gs.Scen  # noqa: B018
    assert not hasattr(gs, "render")
    with pytest.raises(StateError):
        raise gs.StateError("errors are exported")


USES = ["scene.step()", "scene.rollout(u)", "scene.reset()", "robot.get_pos()", "gs.init()", "gs.ones(3)", "gs.Scene()"]


@pytest.mark.parametrize("use", USES)
def test_a_forked_child_says_how_to_start_it(forks, use) -> None:
    """Threads of the engine are not in the child: a launch there would wait for them for ever."""
    assert "StateError" in forks[use] and "spawn" in forks[use] and "DataLoader" in forks[use]


def test_a_forked_child_ends_and_its_parent_goes_on(forks) -> None:
    assert forks["child"] == "0" and forks["parent"] == "2"


@pytest.fixture(scope="module")
def forks() -> dict[str, str]:
    """What each use says in a forked child, how that ends, and at which step its parent is afterwards."""
    script = f"""
import os, sys, time
import torch
import genesis as gs
gs.init(precision="64")
scene = gs.Scene()
robot = scene.add_entity(gs.morphs.Sphere(radius=0.1))
scene.build(n_envs=9)
u = torch.zeros(2, 9, 6, dtype=torch.float64)
scene.step()
child = os.fork()
if child == 0:
    for use in {USES!r}:
        try:
            eval(use)
            print(use, "works", sep="\\t")
        except Exception as error:
            print(use, type(error).__name__ + ": " + str(error), sep="\\t")
    sys.exit(0)
end = time.monotonic() + 30
while (found := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < end:
    time.sleep(0.05)
if found[0] == 0:
    os.kill(child, 9)
    os.waitpid(child, 0)
    found = child, "hangs"
print("child", found[1], sep="\\t")
scene.step()
print("parent", scene.t, sep="\\t", flush=True)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    return dict(line.split("\t", 1) for line in run.stdout.splitlines())
