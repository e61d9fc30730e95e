"""Scenes: entities, their options and states, and what moves them."""
