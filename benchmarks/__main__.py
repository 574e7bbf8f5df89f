"""Runs every benchmark and prints its figures."""

from benchmarks import model_run, page, prompt_prefix, run_overhead

prompt_prefix.main()
run_overhead.main()
model_run.main()
page.main()
