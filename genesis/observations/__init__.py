"""Measured motion: log files in many formats, what their numbers are, and what sensors would measure of a simulated motion."""

from genesis.observations.channels import CHANNELS, Channel, make_channels
from genesis.observations.dataset import Dataset, Smoothing, load
from genesis.observations.inputs import input_places, input_series
from genesis.observations.recording import Recording, Series
from genesis.observations.sample import Sample
from genesis.observations.spec import ChannelSpec, InputSpec
from genesis.observations.start import StateLayout, measured_state, state_layout
from genesis.observations.suspicions import suspicions

__all__ = [
    "CHANNELS",
    "Channel",
    "ChannelSpec",
    "Dataset",
    "InputSpec",
    "Recording",
    "Sample",
    "Series",
    "Smoothing",
    "StateLayout",
    "input_places",
    "input_series",
    "load",
    "make_channels",
    "measured_state",
    "state_layout",
    "suspicions",
]
