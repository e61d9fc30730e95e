"""Reports: of an identification and of every other run as HTML for people; rows for a terminal, JSON for programs, TensorBoard."""

from genesis.runners.report.board import write_tensorboard
from genesis.runners.report.folder import RunReport, report_of
from genesis.runners.report.html import write_report
from genesis.runners.report.judge import verdict
from genesis.runners.report.rows import (
    BASE_COLUMNS,
    ESTIMATE_COLUMNS,
    RMSE_COLUMNS,
    TORQUE_COLUMNS,
    console_rows,
    fit_lines,
    to_json,
    torque_rows,
)
from genesis.runners.report.run_page import write_run_report
from genesis.runners.report.sweep_page import write_sweep_report

__all__ = [
    "BASE_COLUMNS", "ESTIMATE_COLUMNS", "RMSE_COLUMNS", "TORQUE_COLUMNS", "RunReport", "console_rows", "fit_lines", "report_of", "to_json",
    "torque_rows", "verdict", "write_report", "write_run_report", "write_sweep_report", "write_tensorboard",
]  # fmt: skip
