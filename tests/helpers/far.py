"""A long way to a server: what it answers comes late, what is asked of it does not.

So a browser goes on asking from a page of before, as it does where either of them is busy.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

_CHUNK = 65536


@dataclass
class Way:
    """The way to a server, by an address of its own; `late_s` may change at any time."""

    host: str
    port: int
    url: str = ""
    late_s: float = 0.0

    async def carry(self, client: StreamReader, back: StreamWriter) -> None:
        """Carries one connection, until either side has ended it."""
        with closing(back):
            answers, asks = await asyncio.open_connection(self.host, self.port)
            with closing(asks), suppress(asyncio.CancelledError):
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(_ask(client, asks))
                        group.create_task(self._hear(answers, back))
                except* OSError:
                    pass

    async def _hear(self, answers: StreamReader, back: StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def tell() -> None:
            while (one := await under_way.get())[1]:
                await asyncio.sleep(one[0] - loop.time())
                back.write(one[1])
                await back.drain()
            back.close()

        async with asyncio.TaskGroup() as group:
            group.create_task(tell())
            data = b"-"
            while data:
                data = await answers.read(_CHUNK)
                under_way.put_nowait((loop.time() + self.late_s, data))


async def _ask(client: StreamReader, asks: StreamWriter) -> None:
    while data := await client.read(_CHUNK):
        asks.write(data)
        await asks.drain()
    asks.close()


@contextmanager
def way_to(url: str) -> Iterator[Way]:
    """A way to a server of this machine, as short as it gets until it is told otherwise."""
    parts = urlsplit(url)
    way = Way(str(parts.hostname), int(parts.port or 80))
    loop, is_there = asyncio.new_event_loop(), threading.Event()
    done = asyncio.Event()

    async def serve() -> None:
        server = await asyncio.start_server(way.carry, "127.0.0.1", 0)
        way.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        is_there.set()
        await done.wait()
        server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        # A transport that was closed goes with the loop's next turn.
        await asyncio.sleep(0.1)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert is_there.wait(60)
        yield way
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(60)
        loop.close()
