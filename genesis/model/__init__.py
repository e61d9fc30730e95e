"""Models: flat arrays made from descriptions."""
