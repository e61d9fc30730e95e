"""The physics as functions of torch; the only floor that knows torch and Taichi."""
