"""Runs every benchmark and prints its figures."""

from benchmarks import run_overhead

run_overhead.main()
