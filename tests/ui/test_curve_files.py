"""The files that the curve is drawn with, as a browser gets them."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from cascade.ui.studio.curve import PLOTLY, PLOTLY_URL, SCRIPT, SCRIPT_URL, routes

FILES = {PLOTLY_URL: PLOTLY.read_bytes(), SCRIPT_URL: SCRIPT}


@pytest.mark.parametrize("base", ["", "/below/a/path"])
@pytest.mark.parametrize("url", FILES, ids=["plotly", "ours"])
def test_a_file_is_compressed_for_whoever_takes_it(url: str, base: str) -> None:
    words = FILES[url]
    client = TestClient(Starlette(routes=routes()))
    sizes = {}
    for encoding in ("gzip", "identity"):
        answer = client.get(base + url.removeprefix("."), headers={"Accept-Encoding": encoding})
        assert answer.status_code == 200
        assert answer.content == words
        assert answer.headers["Content-Type"].startswith("text/javascript")
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Vary"] == "Accept-Encoding"
        sizes[encoding] = int(answer.headers["Content-Length"])
    assert sizes["gzip"] < 0.4 * sizes["identity"] == 0.4 * len(words)
