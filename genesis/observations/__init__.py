"""Measured motion: log files in many formats, and what their numbers are."""

from genesis.observations.dataset import Dataset, Smoothing, load
from genesis.observations.inputs import input_places, input_series, input_units
from genesis.observations.recording import Recording
from genesis.observations.series import Series
from genesis.observations.spec import ChannelSpec, InputSpec
from genesis.observations.start import StateLayout, measured_state, not_measured, state_layout
from genesis.observations.start_noise import start_noise
from genesis.observations.suspicions import suspicions

__all__ = [
    "ChannelSpec",
    "Dataset",
    "InputSpec",
    "Recording",
    "Series",
    "Smoothing",
    "StateLayout",
    "input_places",
    "input_series",
    "input_units",
    "load",
    "measured_state",
    "not_measured",
    "start_noise",
    "state_layout",
    "suspicions",
]
