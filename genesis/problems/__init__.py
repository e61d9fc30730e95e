"""What a run works on, whatever it is about: a task's objective, the residuals of an identification."""
