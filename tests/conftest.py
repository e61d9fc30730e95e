"""What every part of the tests shares: one runtime in double precision, so that each kernel is compiled once a session."""

import gc
import os
from pathlib import Path

import pytest

# One thread of torch in each of the processes that run tests, and in those that they start: its threads wait for each other by spinning, and
# where two processes share two cores that is a tenth of all time. Read once, when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

TESTS = Path(__file__).parent
#: Files and folders whose tests compile no kernel and take little time: `pytest -m fast` runs them, less what is slow or starts the engine.
FAST = (
    "architecture",
    "cli/sweeps/test_manifest.py",
    "cli/sweeps/test_results.py",
    "cli/sweeps/test_signals.py",
    "cli/sweeps/test_space.py",
    "cli/sweeps/test_stored_study.py",
    "cli/sweeps/test_sweeper.py",
    "cli/sweeps/test_table.py",
    "cli/test_aliases.py",
    "cli/test_completion.py",
    "cli/test_console.py",
    "cli/test_failures.py",
    "cli/test_job.py",
    "cli/test_options.py",
    "cli/test_packaging.py",
    "cli/test_progress.py",
    "cli/test_run_folder.py",
    "cli/test_schema.py",
    "cli/test_validate.py",
    "description",
    "methods",
    "model",
    "observations/test_dataset.py",
    "observations/test_duplicates.py",
    "observations/test_files.py",
    "observations/test_hostile.py",
    "observations/test_lerobot.py",
    "observations/test_noise.py",
    "observations/test_readers.py",
    "observations/test_start.py",
    "observations/test_text_forms.py",
    "observations/test_wrong_input.py",
    "parameters/test_bounds.py",
    "parameters/test_network.py",
    "runners/test_files.py",
    "runners/test_interrupt.py",
    "runners/test_lockstep.py",
    "runners/test_record.py",
    "test_information.py",
    "test_lower_bounds.py",
)


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over modules and tests, which stay to the end, and come less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is fast by where it lies."""
    places = [TESTS / name for name in FAST]
    for item in items:
        slow = item.get_closest_marker("slow") or "engine" in getattr(item, "fixturenames", ())
        if not slow and any(item.path.is_relative_to(place) for place in places):
            item.add_marker(pytest.mark.fast)


@pytest.fixture(scope="session")
def engine():
    """The engine in 64 bit. Tests that need other settings run in their own process."""
    from genesis import runtime

    if not runtime.initialized():
        runtime.init(precision="64", logging_level="error")
