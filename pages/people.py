"""The page of people."""

from cascade.ui import session
from cascade.ui.people.page import draw_people

draw_people(session.desk())
