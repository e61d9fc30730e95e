"""Methods that lower an objective, one a file."""
