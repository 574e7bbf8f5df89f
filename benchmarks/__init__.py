"""Measurements, as ratios between things run side by side; `make bench` runs them all."""
