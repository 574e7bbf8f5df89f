"""Answers of a model's server, and the failure that one of them makes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cascade.llm.provider import ProviderError
from tests.helpers.asking import GOOD, KEY_ACTION, write
from tests.helpers.model_http import Call, Reply, http
from tests.helpers.model_server import ModelServer


def failure(url: str | ModelServer, **options: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        write(url, KEY_ACTION, **options)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    return caught.value


def always(reply: Reply) -> Callable[[Call], Reply]:
    """A server that answers every call so."""
    return lambda _: reply


def events(*documents: object, end: str = "\n\n") -> Reply:
    lines = "".join(
        f"data: {one if isinstance(one, str) else json.dumps(one)}{end}" for one in documents
    )
    return Reply(raw=http(lines, content_type="text/event-stream"))


CHUNK = {"choices": [{"delta": {"content": GOOD}, "finish_reason": "stop"}]}
