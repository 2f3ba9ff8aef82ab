"""Training of the Midway Network."""
