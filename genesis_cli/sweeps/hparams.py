"""The jobs of a sweep for TensorBoard's HParams page: a table, parallel coordinates, a scatter matrix. Written without torch."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genesis_cli.sweeps.results import MISSING, SUCCEEDED
from genesis_cli.sweeps.table import Row, Table, number_or_text

FOLDER, METRIC = "tensorboard", "sweep/"
LISTED = 12  # more different numbers are shown as an interval


def compare(table: Table) -> None:
    """Write the events into DIR/tensorboard, in place of those of before."""
    folder = table.sweep / FOLDER
    fresh = folder.with_name(f".{FOLDER}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    write(fresh, [("experiment", experiment(table))], {})
    for row in table.rows:
        if row.status != MISSING:
            metrics = {"objective": row.objective, **row.metrics} if row.objective is not None else {}
            write(fresh / str(row.number), [("session_start_info", start(row)), ("session_end_info", end(row))], metrics)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def experiment(table: Table) -> dict[str, Any]:
    """What is swept, and what came out."""
    from google.protobuf.struct_pb2 import ListValue, Value
    from tensorboard.plugins.hparams import api_pb2 as api

    infos = []
    for key in table.keys:
        values = list(dict.fromkeys(number_or_text(row.settings[key]) for row in table.rows if key in row.settings))
        numbers = all(isinstance(value, (int, float)) for value in values)
        info = api.HParamInfo(name=key, type=api.DATA_TYPE_FLOAT64 if numbers else api.DATA_TYPE_STRING)
        if numbers and len(values) > LISTED:
            info.domain_interval.min_value, info.domain_interval.max_value = min(values), max(values)
        else:
            each = [Value(number_value=v) if numbers else Value(string_value=str(v)) for v in values]
            info.domain_discrete.CopyFrom(ListValue(values=each))
        infos.append(info)
    metrics = [api.MetricInfo(name=api.MetricName(tag=METRIC + name)) for name in ("objective", *table.metrics)]
    return {"experiment": api.Experiment(hparam_infos=infos, metric_infos=metrics)}


def start(row: Row) -> dict[str, Any]:
    """The settings of a job."""
    from tensorboard.plugins.hparams import plugin_data_pb2 as plugin

    info = plugin.SessionStartInfo(group_name=str(row.number))
    for key, text in row.settings.items():
        value = number_or_text(text)
        if isinstance(value, (int, float)):
            info.hparams[key].number_value = value
        else:
            info.hparams[key].string_value = value
    return {"session_start_info": info}


def end(row: Row) -> dict[str, Any]:
    """How a job ended."""
    from tensorboard.plugins.hparams import api_pb2 as api
    from tensorboard.plugins.hparams import plugin_data_pb2 as plugin

    status = api.STATUS_SUCCESS if row.status in SUCCEEDED else api.STATUS_FAILURE
    return {"session_end_info": plugin.SessionEndInfo(status=status)}


def write(folder: Path, entries: list[tuple[str, dict[str, Any]]], metrics: Mapping[str, float | None]) -> None:
    """One file of events: entries of the plugin, and a scalar for each metric."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.plugins.hparams import plugin_data_pb2 as plugin
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder))
    for name, content in entries:
        data = plugin.HParamsPluginData(**content).SerializeToString()
        about = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="hparams", content=data))
        writer.add_event(Event(summary=Summary(value=[Summary.Value(tag=f"_hparams_/{name}", metadata=about)])))
    for name, value in metrics.items():
        if value is not None:
            writer.add_event(Event(summary=Summary(value=[Summary.Value(tag=METRIC + name, simple_value=value)])))
    writer.close()
