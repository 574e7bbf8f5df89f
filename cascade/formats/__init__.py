"""Bytes to stories and back: one module a file format."""
