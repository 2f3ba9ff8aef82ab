"""Intervals and regression."""
