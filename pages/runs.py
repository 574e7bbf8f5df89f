"""The page of all runs."""

from cascade.ui import session
from cascade.ui.runs.page import draw_all_runs

draw_all_runs(session.desk())
