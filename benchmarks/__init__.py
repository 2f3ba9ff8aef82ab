"""Speed and size of the data stages, each measured beside a reference in the same run (docs/stores.md)."""
