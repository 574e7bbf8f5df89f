"""The page of credits."""

from cascade.ui import session
from cascade.ui.credits.page import draw_credits

draw_credits(session.desk())
