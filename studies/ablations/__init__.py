"""The ablations that the paper names or implies, on a finished run (docs/ablations.md)."""
