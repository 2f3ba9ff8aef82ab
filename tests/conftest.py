"""Puts this folder on the path: tests of several packages share its modules."""
