"""Arithmetic of the kernels: lanes, rotations, spatial algebra."""
