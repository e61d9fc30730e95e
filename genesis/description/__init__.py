"""Robots as numpy data: read from URDF and MJCF, or made from a shape. No Taichi, no torch; MuJoCo only while a file is read."""
