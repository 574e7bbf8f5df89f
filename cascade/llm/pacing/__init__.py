"""The offline writer's rules: a pacing edit of a text in English or Indonesian, without a model."""

from cascade.llm.pacing.edit import edited

__all__ = ["edited"]
