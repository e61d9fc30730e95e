"""What is done with a task: learn (optimize), roll out once (simulate), check its gradients (gradcheck); and what is stored (record)."""
