"""Metrics, intervals, tables and figures."""
