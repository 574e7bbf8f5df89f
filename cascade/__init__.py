"""Cascade: bend a screenplay's tension curve; what hangs under it is written again to fit."""

__version__ = "0.2.0"
