"""The files that the curve is drawn with, as a browser gets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from cascade.ui.studio.curve import DRAWING, PLOTLY_URL, SCRIPT, SCRIPT_URL, routes


@pytest.mark.parametrize("base", ["", "/below/a/path"])
@pytest.mark.parametrize(("url", "file"), [(PLOTLY_URL, DRAWING), (SCRIPT_URL, SCRIPT)])
def test_a_file_is_compressed_for_whoever_takes_it(url: str, file: Path, base: str) -> None:
    words = file.read_bytes()
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
