"""What is done with a problem.

loop: every run; optimize, evaluate: a task made into one; identify: an identification; together, lockstep, part: candidates as one batch.
record, events, tensorboard: what is stored. simulate: one rollout; gradcheck: gradients against differences.
"""
