"""The writers: one Provider protocol, a model behind a server, and the offline draft."""

from __future__ import annotations

from cascade.llm.provider import Provider
from cascade.settings import Settings


def provider_for(settings: Settings) -> Provider:
    """The writer that the settings ask for."""
    if settings.writer == "offline":
        from cascade.llm.offline import OfflineWriter

        return OfflineWriter(delay_ms=settings.offline_delay_ms)
    # Imported here: the client takes most of a second, which an offline start need not pay.
    from cascade.llm.openai import OpenAIWriter

    return OpenAIWriter(
        model=settings.model,
        api_key=settings.openai_api_key,
        base_url=settings.openai_base_url,
        timeout_s=settings.timeout_s,
        temperature=settings.temperature,
        effort=settings.reasoning_effort,
    )
