"""What runs around the work of a job: logs, GPUs, records. It changes no result, so its code is not hashed."""
