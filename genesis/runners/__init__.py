"""What is done with a problem: the loop of every run (loop), a task made into one (optimize, evaluate), an identification (identify), several
candidates as one batch (together, lockstep, part); what is stored (record, events, tensorboard); one rollout (simulate), gradients (gradcheck)."""
