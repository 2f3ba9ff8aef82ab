"""The Midway Network: encoder, inverse dynamics, forward dynamics."""
