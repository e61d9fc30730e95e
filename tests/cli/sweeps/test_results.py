"""What a job leaves in its folder."""

import json
from pathlib import Path

import pytest

from genesis_cli.sweeps.jobs import fail, kind_of, prepare_folder
from genesis_cli.sweeps.results import RESULT, objective, read, write
from tests.cli.test_failures import JOB


@pytest.mark.parametrize(
    ("result", "value"),
    [
        ({"objective_best": 1.0, "objective": 2.0, "largest_error": 4.0}, 1.0),
        ({"objective": 2, "largest_error": 4.0}, 2.0),
        ({"objective_best": None, "largest_error": 3.0}, 3.0),
        ({"largest_error": 4.0}, 4.0),
        ({"objective": "low"}, None),
        ({}, None),
    ],
)
def test_what_a_result_has_reached(result: dict, value: float | None) -> None:
    assert objective(result) == value


def test_what_is_no_result(tmp_path) -> None:
    file = tmp_path / RESULT
    assert read(file) is None
    for text, found in (("{", None), ("[1]", None), ('{"status": "converged"}', {"status": "converged"})):
        file.write_text(text)
        assert read(file) == found


def test_a_full_disk_is_told(tmp_path, capsys) -> None:
    write(tmp_path / "nowhere" / RESULT, {"x": 1})
    assert "result.json: cannot be written (No such file or directory)." in capsys.readouterr().err


def test_a_result_of_its_own_is_kept(tmp_path) -> None:
    fail(tmp_path, "failed", "first")
    fail(tmp_path, "failed", "second")
    assert read(tmp_path / RESULT) == {"status": "failed", "reason": "first"}
    write(tmp_path / RESULT, {"status": "interrupted"})
    fail(tmp_path, "out_of_memory", "third")
    assert read(tmp_path / RESULT) == {"status": "out_of_memory", "reason": "third"}


class OutOfMemoryError(RuntimeError):
    """As torch names it."""


class DivergenceError(Exception):
    """As the engine names it."""


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (MemoryError(), 1, "out_of_memory"),
        (OutOfMemoryError("CUDA"), 1, "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: not enough memory"), 1, "out_of_memory"),
        (DivergenceError("at step 2"), 1, "diverged"),
        (ValueError("x"), 2, "invalid"),
        (ValueError("x"), 1, "failed"),
    ],
)
def test_the_status_of_a_job_that_raised(error: BaseException, code: int, status: str) -> None:
    assert kind_of(error, code) == status


@pytest.mark.parametrize("left", [("config.yaml", "checkpoints/last.pt"), ("config.yaml",), ("checkpoints/last.pt",), ()])
def test_a_job_goes_on_only_from_a_whole_checkpoint(tmp_path: Path, left: tuple[str, ...]) -> None:
    for name in (*left, RESULT, "metrics.jsonl", "tensorboard/events"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    job = JOB.__class__(**{**vars(JOB), "folder": tmp_path})
    prepare_folder(job)
    assert job.resume == (len(left) == 2)
    for name in (RESULT, "metrics.jsonl", "tensorboard"):
        assert (tmp_path / name).exists() == job.resume, name


def test_results_are_readable_json(tmp_path) -> None:
    write(tmp_path / RESULT, {"objective": float("inf")})
    assert json.loads((tmp_path / RESULT).read_text()) == {"objective": None}
