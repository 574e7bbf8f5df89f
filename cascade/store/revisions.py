"""Revisions: every text that was replaced, and what wrote its successor."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store.tables import Revision
from cascade.story.document import Story, digest


@dataclass(frozen=True, slots=True)
class Written:
    """What wrote a text: the writer's provider and model, and the run."""

    provider: str
    model: str
    run_id: str


def keep_found(session: Session, story_id: str, key: str, text: str) -> int | None:
    """Keeps the text that stands there now, if nothing has kept it yet; its revision's id.

    None where nothing was written. What another program wrote is kept as `found`.
    """
    latest = session.scalar(
        sa.select(Revision)
        .where(Revision.story_version_id == story_id, Revision.key == key)
        .order_by(Revision.id.desc())
        .limit(1)
    )
    if text and (latest is None or latest.digest != digest(text)):
        latest = Revision(
            story_version_id=story_id, key=key, digest=digest(text), text=text, origin="found"
        )
        session.add(latest)
        session.flush()
    return latest.id if latest is not None else None


def add_restored(session: Session, replaced: Revision, text: str, author_id: str) -> None:
    """Keeps that a text came back in the place of another, and who brought it."""
    session.add(
        Revision(
            story_version_id=replaced.story_version_id,
            key=replaced.key,
            digest=digest(text),
            text=text,
            origin="restored",
            replaces_id=replaced.id,
            author_id=author_id,
        )
    )
    session.flush()


def usual_latency_ms(session: Session, provider: str, model: str) -> int | None:
    """The middle latency of a writer's last 50 texts; None where it has written none."""
    latencies = sorted(
        latency
        for latency in session.scalars(
            sa.select(Revision.latency_ms)
            .where(
                Revision.provider == provider,
                Revision.model == model,
                Revision.latency_ms.is_not(None),
            )
            .order_by(Revision.id.desc())
            .limit(50)
        )
        if latency is not None
    )
    return latencies[len(latencies) // 2] if latencies else None


def writers(session: Session, story: Story) -> dict[str, Written]:
    """What wrote the texts that stand as a run wrote them, by piece key.

    Judged by the text itself: one that was edited since is nobody's.
    """
    rows = session.execute(
        sa.select(Revision.key, Revision.digest, Revision.provider, Revision.model, Revision.run_id)
        .where(Revision.story_version_id == story.id, Revision.origin == "run")
        .order_by(Revision.id)
    )
    newest = {
        key: (found, Written(provider or "", model or "", run_id or ""))
        for key, found, provider, model, run_id in rows
    }
    return {
        key: written for key, (found, written) in newest.items() if digest(story.text(key)) == found
    }
