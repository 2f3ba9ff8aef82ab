"""Rows of others: the windows of a run for somebody else's model, and its predictions as a row of the run's table."""
