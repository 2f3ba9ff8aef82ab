"""A small made-up run that the tests of scores, tables and pictures share."""

from scored_run import run, scores

__all__ = ["run", "scores"]
