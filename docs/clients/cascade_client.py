"""Starts a cascade and follows it, also over connections that break. The standard library alone.

for event in regenerate("http://127.0.0.1:8501", token, order):
    print(event["type"])
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

ENDS = {"done", "cancelled", "error", "rejected", "awaiting_approval"}
# A server says something every 15 seconds, if only an empty line.
TIMEOUT_S = 45
MOST_FAILS = 8


class Refused(Exception):
    """The server's answer to what it does not do: `status`, `code`, and the message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def ask(base: str, token: str, path: str, body: Any = None, **headers: str) -> Any:
    """One request; the open answer. Raises Refused."""
    sent = {"Authorization": f"Bearer {token}", **headers}
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        sent["Content-Type"] = "application/json"
    request = urllib.request.Request(f"{base}{path}", data, sent)
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            try:
                why = json.loads(error.read())
            except ValueError:
                why = {}
        raise Refused(error.code, why.get("code", ""), why.get("error", error.reason)) from None


def regenerate(base: str, token: str, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every event of a new run, once and in order, until the last one. Raises Refused."""
    # The same key again is the same run: the start, too, may be sent once more.
    key = str(uuid.uuid4())
    run_id, seq, fails = "", 0, 0
    while True:
        try:
            if run_id:
                path = f"/api/ai/runs/{run_id}/events?after={seq}&follow=true"
                answer = ask(base, token, path)
            else:
                path = "/api/ai/regenerate-beats-cascade"
                answer = ask(base, token, path, order, **{"Idempotency-Key": key})
            with answer:
                run_id = answer.headers["X-Run-Id"]
                for line in answer:
                    if not line.strip():
                        continue
                    event = json.loads(line)
                    if event["seq"] <= seq:
                        continue
                    seq, fails = event["seq"], 0
                    yield event
                    if event["type"] in ENDS:
                        return
            fails += 1
        except Refused as error:
            if error.status < 500 and error.status != 429:
                raise
            fails += 1
        except (OSError, http.client.HTTPException, ValueError):
            # Broken off, or cut in the middle of a line: what is missing is asked for again.
            fails += 1
        if fails > MOST_FAILS:
            raise ConnectionError("The server does not answer.")
        time.sleep(min(0.25 * 2**fails, 10))


def cancel(base: str, token: str, run_id: str) -> None:
    """Asks a run to stop; its events end with `cancelled`. Raises Refused."""
    ask(base, token, f"/api/ai/runs/{run_id}/cancel", body={}).close()
