"""Asking the model writer in tests: briefs with planted words, and one way to read it all."""

from __future__ import annotations

import asyncio
import itertools
import json

from cascade.llm.openai import OpenAIWriter
from cascade.llm.provider import Answer, Delta, Provider
from cascade.story.brief import Brief, Seam
from cascade.story.kinds import Kind
from cascade.story.story import Language
from tests.helpers.briefs import make_brief
from tests.helpers.model_server import ModelServer

KEY = "sk-canary-4711"
STORY = "CANARYWORD"
_models = itertools.count()

OLD: dict[Kind, str] = {
    "beatContent": f"{STORY} keeps the ledger shut.\n\n" + "Old words stand here. " * 20,
    "keyAction": f"{STORY} opens the ledger in front of everyone.",
    "scenePlot": f"{STORY} waits at the counter. " + "The clock ticks on. " * 15,
    "script": f"INT. ARCHIVE - NIGHT\n\n{STORY} waits.\n\nMIRA\nNot yet.\n\n" + "Dust falls. " * 40,
}

SOURCES: dict[Kind, str] = {
    "beatContent": "The ledger is missing.",
    "keyAction": "She lifts the lid.",
    "scenePlot": "She searches the archive.",
}


def planted_brief(kind: Kind = "beatContent", language: Language = "en") -> Brief:
    """A brief of that kind, with the word that must come out nowhere."""
    return make_brief(
        kind,
        language,
        title="The Ledger",
        synopsis=f"{STORY} finds a ledger.",
        prev_beat_content="They open the shop.",
        next_beat_content="The inspectors come.",
        direction="Keep it indoors.",
        old_text=OLD[kind],
        sources=SOURCES,
        scene_number=5,
        before=Seam(4, "script", "The door closes."),
        after=Seam(6, "plot", "They run."),
        speakers=("MIRA", "TAN"),
    )


def new_model() -> str:
    """A model name that no test has used: what a server can do is remembered by it."""
    return f"m{next(_models)}"


def write(
    server: ModelServer | str,
    *briefs: Brief,
    timeout_s: float = 60,
    model: str | None = None,
    complaint: str | None = None,
    temperature: float | None = None,
    effort: str | None = None,
) -> list[tuple[list[str], Answer]]:
    """Writes the texts one after the other: the deltas and the answer of each."""
    url = server if isinstance(server, str) else server.url
    model = model or new_model()
    writer: Provider = OpenAIWriter(
        model=model,
        api_key=KEY,
        base_url=url,
        timeout_s=timeout_s,
        temperature=temperature,
        effort=effort,
    )

    async def run() -> list[tuple[list[str], Answer]]:
        results = []
        try:
            for brief in briefs:
                parts = [part async for part in writer.write(brief, complaint)]
                answer = parts.pop()
                assert isinstance(answer, Answer)
                results.append(([p.text for p in parts if isinstance(p, Delta)], answer))
        finally:
            await writer.close()
        return results

    return asyncio.run(run())


GOOD = json.dumps({"keyAction": "Mira opens the ledger."})
KEY_ACTION = planted_brief("keyAction")
