"""Names of what the folder of a run holds; numpy only, so that whoever reads one needs none of what computes."""

METRICS, RESULT, CONFIG, SOLUTION, TRAJECTORY = "metrics.jsonl", "result.json", "config.yaml", "solution.npz", "trajectory.npz"
#: Names of arrays: series over time, limits of the degrees of freedom, growth of small changes over the steps.
SERIES, LIMITS, GROWTH = "series/", "limits/", "growth/"
FORCE = f"{SERIES}force"
LIMITED = ("position", "velocity", "force")
