"""The report of a run says what its folder holds: by value, of whole runs and of what is left of broken ones."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.runners.report import report_of, write_run_report
from genesis.runners.report.motion import chosen_dofs, closeness, motion_of
from genesis.runners.report.run_charts import objective_chart, ordered_terms, terms_chart
from genesis.runners.report.run_constraints import constraint_curves, constraint_rows
from genesis.runners.report.run_judge import metric_words, verdict
from genesis.runners.report.style import LIGHT
from tests.browser import browser, opened
from tests.runners.run_folders import CONFIG, arrays, line, result, run_folder
from tests.runners.test_report import words

SECTIONS = ["verdict", "setup", "figures", "course", "motion", "origin", "config"]


def said(folder: Path) -> dict[str, str]:
    """Sentences of the verdict, and their tones."""
    run = report_of(folder)
    motion = motion_of(run.arrays)
    return {sentence.text: sentence.tone for sentence in verdict(run, [] if motion is None else closeness(motion))}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_run_report(run_folder(tmp_path_factory.mktemp("runs") / "one")).read_text()


def test_the_page_needs_nothing_else(page: str) -> None:
    assert not re.search(r"https?:|//cdn|<script|<link|@import|url\((?!#)", page)
    links = set(re.findall(r'(?:src|href)="([^"#]+)', page))
    assert links == {"result.json", "metrics.jsonl", "solution.npz", "config.yaml", "checkpoints/last.pt"}
    assert "prefers-color-scheme: dark" in page and "@media print" in page and len(page) < 200_000
    assert re.findall(r'<section id="(\w+)"', page) == ["verdict", "replay", *SECTIONS[1:]]
    assert not re.search(r"\bnan\b|\bNone\b", words(page))


def test_the_verdict_in_words_with_what_to_do_next(page: str) -> None:
    text = words(page).replace("\u00a0", " ")
    for sentence in (
        "Not converged after 40 iterations, 48 evaluations, 6.5 s: the 40 iterations are used up.",
        "Objective 4 → 0.125 (÷ 32).",
        "Met: final speed 0.03 (at most 0.05).",
        "Not met: position error 12.5 mm (at most 1 mm).",
        "2 evaluations diverged and were left out.",
        "elbow leaves its range by 0.25 rad at 0.4 s.",
        "slide leaves its velocity limit by 1 m/s at 0.7 s.",
        "Most of the objective is left in position: 75 % (÷ 32).",
        "Next: the objective was still falling: go on with --resume and stop.iterations=120, or take lbfgs or levenberg_marquardt",
    ):
        assert sentence in text, sentence


def test_numbers_of_tables_and_charts(page: str) -> None:
    rows = dict(re.findall(r'data-name="([^"]*)" data-value="([^"]*)"', page))
    assert {name: float(value) for name, value in rows.items()} == {
        "position_error_mm": 12.5, "final_speed": 0.03, "position": 0.75 * 0.125, "effort": 0.25 * 0.125,
    }  # fmt: skip
    near = re.findall(r'data-kind="(\w+)" data-use="([^"]*)" data-excess="([^"]*)"', page)
    assert [(kind, float(use), float(excess)) for kind, use, excess in near] == [
        ("position", 1.25, 0.25), ("velocity", 1.5, 1.0), ("force", 0.5, 0.0),
    ]  # fmt: skip
    assert dict(re.findall(r'data-phase="(\w+)"><td>\w+</td><td class="num">([^<]*)<', page)) == {
        "engine": "1 s", "build": "2 s", "loop": "3.5 s", "forward": "1.5 s",
    }  # fmt: skip
    text = words(page)
    for shown in (
        "arm: reach",
        "10 steps of 0.1 s (1 s)",
        "hold, 20 numbers",
        "bounds limits",
        "adam, lr 0.1",
        "seed 3",
        "12.5 mm at the end",
    ):
        assert shown in text, shown
    assert "${loss" not in words(page.split('id="config"')[0])
    # Objective, loss terms, metrics, gradient, growth; the error; two joints. The learning rate never changes, and has no chart.
    assert page.count("<figure>") == 5 + 1 + 2


def test_the_command_that_repeats_it(page: str) -> None:
    commands = [re.sub(r"&#39;", "'", line) for line in re.findall(r'<pre class="command">([^<]*)</pre>', page)]
    folder = commands[1].removeprefix("genesis optimize --rerun ")
    assert commands == [
        "genesis optimize --config-dir /mine task=reach stop.iterations=40 'robot.name=an arm'", f"genesis optimize --rerun {folder}",
        f"genesis optimize --resume {folder}", f"genesis simulate --rerun {folder} --solution {folder}",
    ]  # fmt: skip
    assert (Path(folder) / "result.json").is_file()


def test_torn_and_missing_lines_break_nothing(tmp_path: Path) -> None:
    lines = [
        line(0, 4.0),
        line(3, 2.0),
        '{"iteration": 4, "objec',
        "",
        "[1]",
        line(5, 1.0, terms=None),
        line(6, float("inf")),
        line(3, 1.5),
    ]
    folder = run_folder(tmp_path / "run", lines=[text.replace("Infinity", "null") for text in lines])
    course = report_of(folder).course
    assert list(course.iterations) == [0, 3, 5, 6] and course.torn == 2
    np.testing.assert_array_equal(course.objective, [4.0, 1.5, 1.0, np.nan])
    np.testing.assert_array_equal(course.terms["position"], [3.0, 1.125, np.nan, np.nan])
    assert said(folder)["2 lines of metrics.jsonl cannot be read."] == "warn"
    assert write_run_report(folder).stat().st_size > 10_000


def test_a_run_that_only_began(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", lines=[line(0, 4.0), line(1, 3.0)])
    (folder / "result.json").unlink()
    (folder / "solution.npz").write_bytes(b"PK torn")
    assert said(folder) == {
        "It has not ended, or its process died: there are 2 iterations and no result.": "warn", "Objective 4 → 3 (−25 %).": "plain",
        "solution.npz is there and cannot be read: what it says is missing here.": "bad",
    }  # fmt: skip
    text = words(write_run_report(folder).read_text())
    assert "There is none to show: the run has stored no trajectory." in text and "unknown" in text


def test_a_run_without_a_value(tmp_path: Path) -> None:
    told = {
        "status": "diverged",
        "reason": "qpos is not finite at step 3",
        "iterations": 0,
        "objective_best": None,
        "metrics": {},
        "seconds": {},
    }
    folder = run_folder(tmp_path / "run", told=told, lines=[])
    (folder / "solution.npz").unlink()
    sentences = said(folder)
    assert sentences["Diverged after 0 iterations: qpos is not finite at step 3."] == "bad"
    assert sentences["No point had a value, so nothing was learned."] == "bad"
    assert any(text.startswith("Next: a smaller scene.dt") for text in sentences)
    assert 'id="course"' not in write_run_report(folder).read_text()


@pytest.mark.parametrize(
    "told, lines, words_of_advice",
    [
        ({}, [line(k, 4.0) for k in range(6)], "the objective has stopped falling: take lbfgs"),
        ({}, [line(k, 4.0, gradient_norm={"controls": 0.0}) for k in range(6)], "the gradient of parameter.controls is zero"),
        ({}, [line(k, 4.0, gradient_norm={"controls": float(k == 0)}) for k in range(6)], "parameter.controls has vanished"),
        (
            {"growth": {"first": {"log10_largest": 12.0, "log10_noise": 8.0, "noise_step": 4, "noise_time": 0.4}}}, None,
            "small changes grow by 10¹², from 0.4 s on the gradient of the first motion is noise: take optimizer=ddp",
        ),
        ({"status": "interrupted", "reason": "stopped by a signal"}, None, "--resume goes on from here."),
        ({"status": "too_many_contacts", "reason": "no room"}, None, "more room for contacts (scene.max_contacts)"),
    ],
)  # fmt: skip
def test_what_to_do_next_follows_from_what_happened(
    tmp_path: Path, told: dict, lines: list[str] | None, words_of_advice: str
) -> None:
    sentences = said(run_folder(tmp_path / "run", told=result(**told), lines=lines))
    advice = [text for text, tone in sentences.items() if tone == "next"]
    assert len(advice) == 1 and words_of_advice in advice[0], advice


def test_a_run_that_met_its_aim_needs_no_advice(tmp_path: Path) -> None:
    told = result(status="converged", reason="every tolerance is met", metrics={"position_error_mm": 0.5, "final_speed": 0.01})
    sentences = said(run_folder(tmp_path / "run", told=told))
    assert sentences["Met: position error 0.5 mm (at most 1 mm); final speed 0.01 (at most 0.05)."] == "good"
    assert not any(text.startswith(("Next", "Not met")) for text in sentences)


def test_shares_of_loss_terms(tmp_path: Path) -> None:
    course = report_of(run_folder(tmp_path / "run")).course
    shares = ordered_terms(course)
    assert [name for name, _ in shares] == ["position", "effort"]
    np.testing.assert_allclose([share[2] for _, share in shares], [0.75, 0.25])
    stacked = terms_chart(course, LIGHT).axes[0].collections
    top = np.concatenate([one.get_paths()[0].vertices[:, 1] for one in stacked])
    assert top.max() == pytest.approx(1.0)
    course.terms["effort"] = -course.terms["effort"]  # a gain: there are no shares, its values are drawn
    assert ordered_terms(course) == [] and len(terms_chart(course, LIGHT).axes[0].lines) == 2


def test_the_best_point_and_divergences_are_marked(tmp_path: Path) -> None:
    lines = [line(0, 4.0), line(1, 0.01, failed_evaluations=3), line(2, 0.5, diverged=[1, 4])]
    course = report_of(run_folder(tmp_path / "run", lines=lines)).course
    axes = objective_chart(course, LIGHT, best=1).axes[0]
    curve, ring, crosses = axes.lines
    np.testing.assert_array_equal(curve.get_xydata(), [[0, 4.0], [1, 0.01], [2, 0.5]])
    np.testing.assert_array_equal(ring.get_xydata(), [[1, 0.01]])
    assert list(crosses.get_xdata()) == [1, 2] and axes.get_yscale() == "log"
    np.testing.assert_array_equal(course.lost, [0, 0, 2])


def test_limits_of_one_side_and_of_a_batch() -> None:
    stored = arrays()
    qpos = np.zeros((11, 3, 2))
    qpos[6, 2, 1], qpos[:, 1] = -0.5, np.nan  # environment 1 was left out
    stored |= {
        "qpos": qpos,
        "qvel": np.zeros((11, 3, 2)),
        "controls": np.zeros((10, 3, 2)),
        "limits/position": np.array([[-1, 1], [-0.4, np.inf]]),
    }
    motion = motion_of(stored)
    assert motion is not None and motion.envs == 3
    found = {one.kind: one for one in closeness(motion)}
    place = found["position"]
    assert (place.dof, place.time, place.env, place.beyond) == ("slide", pytest.approx(0.6), 2, ("slide",))
    assert place.excess == pytest.approx(0.1) and place.use == pytest.approx(1.25)
    assert found["velocity"].use == 0.0


def test_of_many_joints_those_that_matter_are_drawn() -> None:
    n = 30
    qpos = 0.01 * np.sin(np.linspace(0, 6, 11))[:, None] * np.arange(n)
    qpos[5, 3] = 2.0  # the only one beyond its range
    stored = {
        "time": np.arange(11.0), "qpos": qpos, "qvel": np.gradient(qpos, axis=0), "controls": np.zeros((10, n)),
        "controlled": np.arange(n) % 10 == 1, "limits/position": np.tile([-1.0, 1.0], (n, 1)),
    }  # fmt: skip
    motion = motion_of(stored)
    assert motion is not None
    assert [dof.name for dof in chosen_dofs(motion, 6)] == ["dof 1", "dof 3", "dof 11", "dof 21", "dof 28", "dof 29"]


def test_metrics_in_words() -> None:
    assert metric_words("position_error_mm") == ("position error", "mm")
    assert metric_words("largest_tilt_deg") == ("largest tilt", "°")
    assert metric_words("std_percent/mass") == ("std_percent: mass", "")
    assert metric_words("final_speed") == ("final speed", "") and metric_words("mm") == ("mm", "")


def test_simulations_have_no_course(tmp_path: Path) -> None:
    told = {
        "status": "finished",
        "objective": 2.5,
        "terms": {"position": 2.5},
        "metrics": {"position_error_mm": 12.5},
        "seconds": {"rollout": 0.02},
    }
    folder = run_folder(tmp_path / "run", told=told | {"tolerances": {"position_error_mm": 1.0}})
    (folder / "metrics.jsonl").unlink()
    (folder / "solution.npz").rename(folder / "trajectory.npz")
    text = words(write_run_report(folder).read_text()).replace("\u00a0", " ")
    assert "Simulated 10 steps, 1 s of motion, in 20 ms. Objective 2.5. Not met: position error 12.5 mm (at most 1 mm)." in text
    assert "genesis simulate --rerun" in text and "--resume" not in text


def test_the_replay_is_inside(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    assert "There is none: it was switched off (logging.replay=false)." in words(write_run_report(folder).read_text())
    (folder / "replay.html").write_text("<p>moves</p></script>" * 500)
    page = write_run_report(folder).read_text()
    assert "Show the motion in 3D" in page and page.count("<script") == 2 and "moves" not in page


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no run there \(neither result.json nor metrics.jsonl\)"):
        write_run_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


class TestInBrowser:
    """What a browser makes of the page."""

    pytestmark = browser

    def test_it_is_whole_at_any_width(self, tmp_path: Path) -> None:
        folder = run_folder(tmp_path / "run")
        (folder / "replay.html").write_text('<!DOCTYPE html><p>it moves, 1 < 2 & "so" on</p>')
        seen = opened(write_run_report(folder), tmp_path)
        assert seen.console == []
        for width in (1280, 400):
            view = seen.views[width]
            assert view["scroll"] <= width and view["out"] == [], width
            assert view["sections"] == ["verdict", "replay", *SECTIONS[1:]] and view["figures"] == 8 and view["empty"] == 0
            assert view["replay"] == len((folder / "replay.html").read_text())


def test_config_that_is_no_mapping_is_left_out(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", config=CONFIG.replace("robot:", "robot: ["))
    assert report_of(folder).config == {} and json.loads((folder / "result.json").read_text())["seed"] == 3
    assert "Not converged" in words(write_run_report(folder).read_text())


def test_a_run_whose_constraints_do_not_hold_is_told_which_and_what_may_help(tmp_path: Path) -> None:
    from genesis.runners.report.folder import report_of
    from genesis.runners.report.run_judge import unfinished

    def one(value: float, tolerance: float, text: str) -> dict[str, object]:
        return {"violation": value, "tolerance": tolerance, "holds": value <= tolerance, "hard": True, "text": text}

    (tmp_path / "config.yaml").write_text("constraint: {torque: {kind: joint_torque}}\nloss: {effort: {kind: control_effort}}\n")
    result = {"status": "not_converged", "reason": "x", "constraints": {
        "a": one(0.1, 1e-3, "constraint.a: violated by 0.1 m"),
        "b": one(0.2, 0.5, "holds"), "c": one(1e-3, 1e-6, "constraint.c: violated")}}  # fmt: skip
    told = unfinished(report_of(tmp_path, result))
    assert len(told) == 1 and told[0].startswith("Next: constraint.c does not hold. Where the limits leave room"), told


def test_constraints_have_a_table_and_their_numbers_over_time(tmp_path: Path) -> None:
    told = {
        "wall_violation_m": {"violation": 0.0125, "unit": "m", "tolerance": 1e-4, "holds": False, "hard": True, "of": "forearm–wall",
                             "step": 4, "time": 0.4, "environment": None, "text": "constraint.wall: violated"},
        "rate_violation_Nm_per_s": {"violation": 0.0, "unit": "Nm/s", "tolerance": 1e-6, "holds": True, "hard": False, "of": "elbow",
                                    "step": 1, "time": 0.1, "environment": None, "text": "constraint.rate: holds"},
    }  # fmt: skip
    curve = np.array([np.nan, *np.linspace(0.1, 0.0075, 10)])
    stored = arrays(
        **{
            "constraint/wall_violation_m": curve, "constraint_lines/wall_violation_m": np.array([0.02, np.inf]),
            "constraint_meaning/wall_violation_m": np.array(["smallest", "m"]),
            "constraint/rate_violation_Nm_per_s": np.where(np.arange(11) < 9, np.nan, 0.5),
            "constraint_lines/rate_violation_Nm_per_s": np.array([-np.inf, 1.0]),
            "constraint_meaning/rate_violation_Nm_per_s": np.array(["share of the limit", ""]),
        }
    )  # fmt: skip
    metrics = {"position_error_mm": 12.5, "wall_violation_m": 0.0125, "rate_violation_Nm_per_s": 0.0}
    config = CONFIG + "constraint:\n  wall: {kind: clearance, hard: true}\n  rate: {kind: torque_rate, hard: false}\n"
    folder = run_folder(tmp_path / "run", result(constraints=told, metrics=metrics), stored=stored, config=config)
    page = write_run_report(folder).read_text()
    assert re.findall(r'<section id="(\w+)"', page)[4] == "constraints"
    part = page[page.index('<section id="constraints"') : page.index('<section id="course"')]
    lines = [words(line) for line in re.findall(r'<tr class="(?:met|failed)".*?</tr>', part, re.S)]
    assert lines == ["wall clearance 0.0125 m 1·10⁻⁴ m no forearm–wall, 0.4 s", "rate torque rate, soft none 1·10⁻⁶ Nm/s yes –"]
    assert part.count("<figure>") == 1, "two instants are no curve"
    assert "smallest, at least 0.02 m" in words(part)
    figures = page[page.index('<section id="figures"') : page.index('<section id="constraints"')]
    assert "violation" not in words(figures), "the table of constraints has them"
    run = report_of(folder)
    figure = constraint_curves(run)[0].draw(LIGHT)
    (axes,) = figure.axes
    low, high = axes.get_ylim()
    assert low < 0.0075 and high > 0.1 and [line.get_ydata()[0] for line in axes.lines[1:]] == [0.02]
    assert constraint_rows(run)[0].where == "forearm–wall, 0.4 s"


def test_violations_have_words_and_the_unit_of_their_constraint() -> None:
    assert metric_words("my_wall_violation_m") == ("my wall: violation", "m")
    assert metric_words("rate_violation_Nm_per_s") == ("rate: violation", "Nm/s")
    assert metric_words("c_violation_1") == ("c: violation", "")


def test_what_gradients_say_of_themselves_is_drawn(tmp_path: Path) -> None:
    lines = [
        line(
            k, 4.0 / (k + 1), health={"gradient_growth": 2.0 + k, "sign_agreement": 0.75, "finite": 1.0}, estimate={"alpha": 0.5}
        )
        for k in range(4)
    ]
    text = words(write_run_report(run_folder(tmp_path / "healthy", lines=lines)).read_text())
    for said in ("Growth of the gradient", "up to 10⁵, worth a warning beyond 10⁶", "agree in sign", "weight of exact gradients"):
        assert said in text, said
    bare = words(write_run_report(run_folder(tmp_path / "bare", lines=[line(k, 1.0) for k in range(3)])).read_text())
    assert "Growth of the gradient" not in bare and "Health of the gradient" not in bare
