"""What is done with a task: learn (optimize), roll out (simulate), check gradients (gradcheck); what is stored (record)."""
