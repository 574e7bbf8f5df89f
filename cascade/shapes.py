"""What the surfaces say as JSON, the same on every one of them; the names are a contract."""

from __future__ import annotations

from typing import Any

from cascade.service import (
    AuditEntry,
    Cost,
    Credits,
    Diagnosis,
    Member,
    Offer,
    People,
    ProjectView,
    RequestView,
    Restored,
    RunView,
    SchemaReport,
    Statement,
    StorySummary,
    TokenView,
    Used,
)
from cascade.story.piece import level_key

# Where an admin is one, among the projects in which people are something.
EVERY_PROJECT = "*"


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


def run_document(run: RunView, cost: Cost | None = None) -> dict[str, Any]:
    """A run in a list.

    One of which its editor has said something has a `note`. One that a model wrote also has
    `tokens` by model and `steps` with theirs, and `cost` if priced.
    """
    document: dict[str, Any] = {
        "id": run.id,
        "storyId": run.story_id,
        "status": run.status,
        "user": run.user,
        "estimatedCredits": run.estimated_credits,
        "usedCredits": run.used_credits,
        "createdAt": run.created_at.isoformat(),
        "finishedAt": run.finished_at.isoformat() if run.finished_at else None,
        "error": run.error,
        "resumedFrom": run.resumed_from,
        "planHash": run.plan_hash,
        "server": run.server,
    }
    if run.note is not None:
        document["note"] = run.note
    if run.provider == "offline":
        return document
    document["tokens"] = [{"model": used.model, **_used_document(used)} for used in run.tokens]
    document["steps"] = [
        {"key": step.key, "status": step.status, **_used_document(step.tokens or Used())}
        for step in run.steps
    ]
    if cost is not None:
        document["cost"] = {
            "amount": cost.amount,
            "currency": cost.currency,
            "complete": cost.complete,
        }
    return document


def request_document(request: RequestView) -> dict[str, Any]:
    """A request in a list; `valid` until what it was made from has changed, or its time is over."""
    asked = request.asked
    return {
        "runId": asked.run_id,
        "storyId": asked.story_id,
        "user": asked.user,
        "estimatedCredits": asked.estimated_credits,
        "planHash": asked.plan_hash,
        "note": asked.note,
        "askedAt": asked.asked_at.isoformat(),
        "valid": request.valid,
    }


def _used_document(used: Used) -> dict[str, int]:
    return {
        "calls": used.calls,
        "rejectedCalls": used.rejected_calls,
        "failedCalls": used.failed_calls,
        "unknownCalls": used.unknown_calls,
        "unknownCachedCalls": used.unknown_cached_calls,
        "promptTokens": used.prompt_tokens,
        "cachedTokens": used.cached_tokens,
        "completionTokens": used.completion_tokens,
        "latencyMs": used.latency_ms,
    }


def diagnosis_document(found: Diagnosis) -> dict[str, Any]:
    """Whether the writer is ready."""
    return {
        "provider": found.provider,
        "model": found.model,
        "host": found.host,
        "reachable": found.reachable,
        "keyAccepted": found.key_accepted,
        "modelKnown": found.model_known,
        "structuredOutput": found.form,
        "streams": found.streams,
        "latencyMs": found.latency_ms,
        "problem": found.problem.message if found.problem else None,
        "code": found.problem.code if found.problem else None,
        "fields": dict(found.problem.fields) if found.problem else {},
        "ready": found.ready,
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


def statement_document(statement: Statement) -> dict[str, Any]:
    """What a project's credits did in a month: `opening + grants - captures = closing`."""
    return {
        "project": statement.project,
        "month": statement.month,
        "opening": statement.opening,
        "grants": statement.grants,
        "captures": statement.captures,
        "closing": statement.closing,
        "held": statement.held,
        "budget": statement.budget,
        "entries": [
            {
                "runId": one.run_id,
                "stepKey": one.step_key,
                "kind": one.kind,
                "credits": one.credits,
                "at": one.at.isoformat(),
                "user": user or None,
                "reason": one.reason,
            }
            for one, user in statement.entries
        ],
    }


def restored_document(restored: Restored) -> dict[str, Any]:
    """What has come back, and what was left, by the keys of texts and levels."""
    return {
        "restored": [*restored.keys, *map(level_key, restored.levels)],
        "left": [
            level_key(part.key) if part.cause == "level" else part.key for part in restored.left
        ],
    }


def token_document(token: TokenView) -> dict[str, Any]:
    """A token in a list."""
    return {
        "id": token.id,
        "user": token.user,
        "createdAt": token.created_at.isoformat(),
        "expiresAt": token.expires_at.isoformat(),
        "lastUsedAt": token.last_used_at.isoformat() if token.last_used_at else None,
        "revokedAt": token.revoked_at.isoformat() if token.revoked_at else None,
    }


def people_documents(people: People) -> list[dict[str, Any]]:
    """People in a list, by name, each with what they are, by the ids of projects."""
    found: dict[str, dict[str, Any]] = {}

    def document(one: Member) -> dict[str, Any]:
        new = {"name": one.name, "displayName": one.display_name, "roles": {}}
        return found.setdefault(one.name, new)

    for one in people.admins:
        document(one)["roles"][EVERY_PROJECT] = "admin"
    for project in people.projects:
        for one in project.members:
            document(one)["roles"][project.id] = one.role
    for one in people.without:
        document(one)
    return [found[name] for name in sorted(found)]


def project_document(project: ProjectView) -> dict[str, Any]:
    """A project in a list."""
    return {
        "id": project.id,
        "name": project.name,
        "approveAbove": project.rules.approve_above,
        "budget": project.rules.budget,
        "spent": project.spent,
        "held": project.held,
    }


def audit_document(entry: AuditEntry) -> dict[str, Any]:
    """What somebody did; `user` is null where the operator did it."""
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "user": entry.user,
        "action": entry.action,
        "object": entry.object,
        "before": entry.before,
        "after": entry.after,
        "reason": entry.reason,
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
                "unfit": list(one.unfit),
                "takenFor": one.taken_for,
                "columns": [
                    {
                        "name": column.name,
                        "type": column.type,
                        "takenFor": column.taken_for,
                        "most": column.most,
                        "mustBeFilled": column.must_be_filled,
                    }
                    for column in one.columns
                ],
            }
            for one in report.tables
        ],
        "scripts": list(report.scripts),
        "empty": report.is_empty,
        "problems": list(report.problems),
        "notes": list(report.notes),
        "unreadable": [
            {
                "what": one.what,
                "why": one.why,
                "count": one.count,
                "stories": list(one.stories),
            }
            for one in report.unreadable
        ],
    }
