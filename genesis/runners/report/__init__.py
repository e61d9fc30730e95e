"""The report of an identification: HTML for people, rows for a terminal, JSON for programs, TensorBoard for comparing runs."""

from genesis.runners.report.board import write_tensorboard
from genesis.runners.report.html import write_report
from genesis.runners.report.judge import verdict
from genesis.runners.report.rows import ESTIMATE_COLUMNS, RMSE_COLUMNS, console_rows, to_json

__all__ = ["ESTIMATE_COLUMNS", "RMSE_COLUMNS", "console_rows", "to_json", "verdict", "write_report", "write_tensorboard"]
