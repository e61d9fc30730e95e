"""System identification: physical parameters from measured motion."""
