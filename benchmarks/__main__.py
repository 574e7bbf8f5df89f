"""Runs every benchmark and prints its figures."""

from benchmarks import prompt_prefix, run_overhead

prompt_prefix.main()
run_overhead.main()
