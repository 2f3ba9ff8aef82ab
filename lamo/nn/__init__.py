"""Transformer blocks shared by several models."""
