"""The studio page."""

from cascade.ui import session
from cascade.ui.studio.page import draw_studio

draw_studio(session.desk())
