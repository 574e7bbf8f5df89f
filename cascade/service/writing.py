"""The writer behind everything: who it is, and whether it is ready."""

from __future__ import annotations

import asyncio

from cascade.llm.doctor import Diagnosis, examine
from cascade.service.access import View
from cascade.service.house import Writer


class Writing(View):
    """The use cases about the writer; it is the same for everybody."""

    @property
    def writer(self) -> Writer:
        """Who writes."""
        return self._house.writer

    def diagnose(self) -> Diagnosis:
        """Whether the writer is ready; asks its server with a few tiny requests."""
        return asyncio.run(examine(self._house.settings))
