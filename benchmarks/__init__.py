"""Speed and size of the data stages, measured together with a reference in the same run; see docs/stores.md."""
