"""Runs every benchmark and prints its figures."""

from benchmarks import model_run, money, page, prompt_prefix, run_overhead, step_cost

prompt_prefix.main()
step_cost.main()
run_overhead.main()
model_run.main()
page.main()
money.main()
