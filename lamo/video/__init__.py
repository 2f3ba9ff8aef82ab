"""Decoding video files onto a time grid, in a process that may crash."""
