"""Decoding video files onto a time grid, in processes of their own, so that a broken file cannot stop a run."""
