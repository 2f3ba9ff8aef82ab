"""The study that compares closed recurrences (docs/recurrence.md)."""
