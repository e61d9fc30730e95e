"""Dataclass schema of every config node (no torch, no taichi, no hydra)."""
