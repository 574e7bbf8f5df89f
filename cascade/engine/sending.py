"""Sends what stands in the outbox to the receiver, message after message, until each was taken.

One process at a time sends, by a lock that is freed when it dies. Whoever dies between a receiver's
answer and the note of it sends that message again: it has the same id then. Each is signed as the
Standard Webhooks specification says, so that libraries for it can verify one.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
import ssl
import threading
import time
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property

import httpx2

from cascade.engine.seats import sender_seat
from cascade.errors import DatabaseError
from cascade.store import outbox
from cascade.store.database import Database
from cascade.store.outbox import Message
from cascade.store.tables import now

log = logging.getLogger("cascade.engine")

# How often it looks whether there is something to send, and for its turn.
LOOK_S = 1.0
# How long a receiver may take for one message, and how often a stop is looked for meanwhile.
TIMEOUT_S = 10.0
GLANCE_S = 0.05
# How long `stop` waits for the thread, which may be waiting for the database.
STOP_PATIENCE_S = 5.0
# What a receiver answers that may take it in a moment; any other refusal is its will.
PASSING = frozenset({408, 425, 429})
# In front of a secret that is written in base64, as the specification has it.
WRITTEN = "whsec_"


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds before a message is tried again: twice as many each time, up to the most."""

    first_s: float
    most_s: float

    def after(self, attempts: int) -> float:
        """How long to wait after so many tries that have failed."""
        return min(self.most_s, self.first_s * 2.0 ** min(attempts, 30))


# Where the receiver is away, slow or at fault; and where it will not have the message, as 410 says.
SHORT, LONG = Pauses(1.0, 300.0), Pauses(60.0, 3600.0)


class _Stopped(Exception):
    """The sender is to end while a receiver takes its time."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where messages go, and the secret that they are signed with."""

    url: str
    secret: str

    def headers(self, id_: str, at: int, body: bytes) -> dict[str, str]:
        """What a message is sent with: its id, the second it was sent in, and its signature."""
        signed = b".".join((id_.encode(), str(at).encode(), body))
        mac = hmac.new(key_of(self.secret), signed, hashlib.sha256)
        return {
            "Content-Type": "application/json",
            "User-Agent": "cascade",
            "webhook-id": id_,
            "webhook-timestamp": str(at),
            "webhook-signature": f"v1,{base64.b64encode(mac.digest()).decode()}",
        }


def key_of(secret: str) -> bytes:
    """The bytes that a secret stands for."""
    if secret.startswith(WRITTEN):
        try:
            return base64.b64decode(secret.removeprefix(WRITTEN), validate=True)
        except binascii.Error:
            pass  # It only looks like one.
    return secret.encode()


class Sender:
    """Sends in a thread of this process while it has the turn; waits for that otherwise."""

    def __init__(
        self,
        database: Database,
        receiver: Receiver,
        *,
        short: Pauses = SHORT,
        long: Pauses = LONG,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._database = database
        self._receiver = receiver
        self._short, self._long = short, long
        self._timeout_s = timeout_s
        self._seat = sender_seat(database)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cascade-sender", daemon=True)

    def start(self) -> None:
        """Begins to look for its turn; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it; a message that a receiver is taking just now is sent again by the next."""
        self._stop.set()
        self._thread.join(STOP_PATIENCE_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._seat.take():
                    try:
                        self._send()
                    finally:
                        self._seat.leave()
            except _Stopped:
                return
            except DatabaseError as error:
                log.info("nothing is sent: %s", error.message)
            except Exception:
                # The thread must outlive anything: without it nothing is ever sent.
                log.exception("the sender stopped; it tries again")
            self._stop.wait(LOOK_S)

    def _send(self) -> None:
        """Sends until it is stopped, or its turn is lost."""
        while not self._stop.is_set() and self._seat.is_kept():
            with self._database.read() as session:
                message = outbox.first_waiting(session)
            if message is None or (message.next_at is not None and message.next_at > now()):
                # None goes before it: they are taken in their order.
                self._stop.wait(LOOK_S)
            else:
                self._deliver(message)

    def _deliver(self, message: Message) -> None:
        status = asyncio.run(self._post(message))
        if status is not None and 200 <= status < 300:
            self._database.transact(outbox.note_taken, message)
            return
        passes = status is None or status >= 500 or status in PASSING
        pause_s = (self._short if passes else self._long).after(message.attempts)
        self._database.transact(outbox.note_failed, message, pause_s)
        what = "did not answer" if status is None else f"answered {status}"
        log.warning(
            "the webhook's receiver %s; message %s is sent again in %.0f s",
            what,
            message.id,
            pause_s,
        )

    async def _post(self, message: Message) -> int | None:
        """What the receiver answers; None where it does not. Raises _Stopped."""
        asked = asyncio.create_task(self._ask(message))
        try:
            async with asyncio.timeout(self._timeout_s):
                while not (await asyncio.wait({asked}, timeout=GLANCE_S))[0]:
                    if self._stop.is_set():
                        raise _Stopped
            return await asked
        except (TimeoutError, OSError, httpx2.HTTPError):
            return None
        finally:
            asked.cancel()
            await asyncio.wait({asked})

    async def _ask(self, message: Message) -> int:
        body = json.dumps(message.body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = self._receiver.headers(message.id, int(time.time()), body)
        request = httpx2.Request("POST", self._receiver.url, headers=headers, content=body)
        # No client: that would write the address, which may hold a token, into its log.
        async with httpx2.AsyncHTTPTransport(verify=self._trusted) as transport:
            response = await transport.handle_async_request(request)
            # Its status is all that counts; what else it says is not read.
            async with aclosing(response):
                return response.status_code

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        return httpx2.create_ssl_context()
