"""The page of the audit."""

from cascade.ui import session
from cascade.ui.audit.page import draw_audit

draw_audit(session.desk())
