"""The report of an identification: HTML for people, JSON for programs, TensorBoard for comparison."""
