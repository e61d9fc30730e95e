"""Names of what the folder of a run holds; numpy only, so that whoever reads one needs none of what computes."""

METRICS, RESULT, CONFIG, SOLUTION, TRAJECTORY = "metrics.jsonl", "result.json", "config.yaml", "solution.npz", "trajectory.npz"
#: Names of arrays: series over time, limits of the degrees of freedom, growth of small changes over the steps.
SERIES, LIMITS, GROWTH = "series/", "limits/", "growth/"
#: Of each constraint, by its metric: what is drawn over time, between which lines, and what it is.
CONSTRAINT, LINES, MEANING = "constraint/", "constraint_lines/", "constraint_meaning/"
#: Value of each parameter in its own units; its leaves, which restore it bit by bit; what else a policy is made of; a law of feedback.
VALUE, LEAF, POLICY, FEEDBACK = "parameter/", "leaf/", "policy/", "feedback/"
#: What the columns of qpos, qvel and controls are: names and kinds of the joints in their order, and what controls say.
JOINT_NAMES, JOINT_KINDS, CONTROL_KIND = "joint_names", "joint_kinds", "control_kind"
FORCE = f"{SERIES}force"
LIMITED = ("position", "velocity", "force")
