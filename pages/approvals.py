"""The page of what waits for a decision."""

from cascade.ui import session
from cascade.ui.approvals.page import draw_approvals

draw_approvals(session.desk())
