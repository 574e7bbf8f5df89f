"""What the surfaces say as JSON, the same on every one of them; the names are a contract."""

from __future__ import annotations

from typing import Any

from cascade.service import Credits, Offer, RunView, SchemaReport, StorySummary


def summary_document(story: StorySummary) -> dict[str, Any]:
    """A story in a list."""
    return {
        "id": story.id,
        "title": story.title,
        "structureType": story.structure_type,
        "language": story.language,
        "beats": story.beats,
        "scenes": story.scenes,
    }


def plan_document(offer: Offer) -> dict[str, Any]:
    """A plan, with what its asker has available."""
    plan = offer.plan
    return {
        "planHash": plan.hash,
        "changes": [
            {
                "beatKey": change.beat_key,
                "beatLabel": change.beat_label,
                "previousTension": change.previous_level,
                "newTension": change.new_level,
                "prevBeatTension": change.prev_beat_level,
                "nextBeatTension": change.next_beat_level,
                **({"direction": change.direction} if change.direction else {}),
            }
            for change in plan.changes
        ],
        "steps": [
            {
                "key": step.key,
                "beatKey": step.beat_key,
                "step": step.kind,
                "sceneNumber": step.scene_number,
                "credits": step.credits,
            }
            for step in plan.steps
        ],
        "affectedScenes": list(plan.affected_scenes),
        "estimatedCredits": plan.estimated_credits,
        "availableCredits": offer.available,
    }


def run_document(run: RunView) -> dict[str, Any]:
    """A run in a list."""
    return {
        "id": run.id,
        "storyId": run.story_id,
        "status": run.status,
        "user": run.user,
        "estimatedCredits": run.estimated_credits,
        "usedCredits": run.used_credits,
        "createdAt": run.created_at.isoformat(),
        "finishedAt": run.finished_at.isoformat() if run.finished_at else None,
        "error": run.error,
    }


def credits_document(credits: Credits) -> dict[str, Any]:
    """A user's credits with every movement."""
    return {
        "user": credits.user,
        "deposited": credits.deposited,
        "available": credits.available,
        "held": credits.held,
        "captured": credits.captured,
        "entries": list(credits.entries),
    }


def schema_document(report: SchemaReport) -> dict[str, Any]:
    """What a database has of the schema."""
    return {
        "tables": [
            {
                "table": one.table,
                "exists": one.exists,
                "missingColumns": list(one.missing_columns),
                "product": one.product,
            }
            for one in report.tables
        ],
        "scripts": list(report.scripts),
    }
