"""How Hypothesis runs here: on a busy machine as on an idle one."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("cascade", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cascade")
