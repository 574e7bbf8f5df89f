"""Cascade's own tables.

They have no foreign keys to the product's: whatever the product deletes, it may; what Cascade has
of it (runs, credits, revisions) stays.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from cascade.store.tables.base import Base, Id, now

RunStatus = Literal[
    "awaiting_approval",  # a request: somebody else must decide; nothing is held yet
    "rejected",  # a request that was declined, replaced, expired or void; ended
    "queued",  # credits are held, nobody executes it yet
    "running",  # an executor is at work, or was when it died: another takes it over
    "cancelling",  # somebody asked to stop; nothing more is saved, the executor ends it
    "done",  # every step is saved; ended
    "cancelled",  # ended, what was saved stays, the rest of the hold is released
    "failed",  # as cancelled, and `error` says why
]
ACTIVE: tuple[RunStatus, ...] = ("queued", "running", "cancelling")
ENDED: tuple[RunStatus, ...] = ("rejected", "done", "cancelled", "failed")
Role = Literal["editor", "producer", "viewer"]
EntryKind = Literal["grant", "hold", "capture", "release"]
# Spelled as the conditions of the partial indexes are: a SQLite that does not find those in a
# statement reads every row there ever was.
CAPTURE: sa.ColumnElement[str] = sa.literal_column("'capture'")
HOLD: sa.ColumnElement[str] = sa.literal_column("'hold'")
RELEASE: sa.ColumnElement[str] = sa.literal_column("'release'")
ONCE_A_RUN = [HOLD, RELEASE]
AWAITING_APPROVAL: sa.ColumnElement[str] = sa.literal_column("'awaiting_approval'")
StepStatus = Literal["pending", "saved", "failed"]


class Made(Base):
    """What Cascade itself has put into the database, and so may take away again.

    `kind` is `table` (one of the product's that was not there; `id` is its name), or `project`,
    `user` or `story` for rows of the samples.
    """

    __tablename__ = "cascade_made"

    kind: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)


class User(Base):
    """A person; `name` is what `--user` takes.

    `issuer` and `subject` together are who that is to a sign-in, for ever; null before the first.
    """

    __tablename__ = "cascade_users"
    __table_args__ = (
        sa.Index(
            "cascade_uq_users_issuer_subject",
            "issuer",
            "subject",
            unique=True,
            sqlite_where=sa.text("subject IS NOT NULL"),
            postgresql_where=sa.text("subject IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200), unique=True)
    display_name: Mapped[str]
    is_admin: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    # As of a member's role: what a sign-in has given, a sign-in may take.
    admin_from_claims: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    issuer: Mapped[str | None] = mapped_column(sa.String(500))
    subject: Mapped[str | None] = mapped_column(sa.String(255))
    # To the minute: not every look is to write.
    last_seen_at: Mapped[datetime | None]


class ProjectMember(Base):
    """What a user is in a project; `from_claims` where a sign-in has given it, and no person."""

    __tablename__ = "cascade_project_members"

    project_id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(User.id), primary_key=True)
    role: Mapped[str] = mapped_column(sa.String(16))
    from_claims: Mapped[bool] = mapped_column(default=False, server_default=sa.false())


class AuditRow(Base):
    """What somebody did, with what was there before and after. Append-only, by a trigger.

    `user_id` is null where the operator did it, `project_id` where it is of none.
    """

    __tablename__ = "cascade_audit"

    id: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True
    )
    at: Mapped[datetime] = mapped_column(default=now)
    user_id: Mapped[str | None] = mapped_column(Id, sa.ForeignKey(User.id))
    project_id: Mapped[str | None] = mapped_column(Id, index=True)
    action: Mapped[str] = mapped_column(sa.String(32))
    object: Mapped[str] = mapped_column(sa.String(300))
    before: Mapped[Any | None] = mapped_column(sa.JSON(none_as_null=True))
    after: Mapped[Any | None] = mapped_column(sa.JSON(none_as_null=True))
    reason: Mapped[str | None]


class Piece(Base):
    """The state of one piece of content beside its text: whether it is locked."""

    __tablename__ = "cascade_pieces"

    story_version_id: Mapped[str] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    locked: Mapped[bool] = mapped_column(default=False)


class Revision(Base):
    """An immutable copy of one text with what produced it. Unknown provenance is null."""

    __tablename__ = "cascade_revisions"
    __table_args__ = (
        sa.Index("cascade_ix_revisions_piece", "story_version_id", "key"),
        # A scene's texts whatever number it had: a step need not read the story's others.
        sa.Index(
            "cascade_ix_revisions_scene",
            "story_version_id",
            "scene_id",
            sqlite_where=sa.text("scene_id IS NOT NULL"),
            postgresql_where=sa.text("scene_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True
    )
    story_version_id: Mapped[str] = mapped_column(Id)
    key: Mapped[str] = mapped_column(sa.String(128))
    # Of the scene that the text hangs off: its history stays with it when its number changes.
    scene_id: Mapped[str | None] = mapped_column(Id)
    digest: Mapped[str] = mapped_column(sa.String(16))
    text: Mapped[str]
    # What stood there where that was no plain text: see `store.revisions`.
    cell: Mapped[str | None]
    # Where only the digest is known of what stood there, because nothing has replaced it.
    is_kept: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    # The digests of what it was made from, by place (`story.stale`); null where that is not known.
    sources: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    origin: Mapped[str] = mapped_column(sa.String(16))  # found | run | fits | restored
    # Why somebody found that it fits, in their words.
    reason: Mapped[str | None]
    replaces_id: Mapped[int | None] = mapped_column(sa.ForeignKey("cascade_revisions.id"))
    author_id: Mapped[str | None] = mapped_column(Id, sa.ForeignKey(User.id))
    run_id: Mapped[str | None] = mapped_column(Id, index=True)
    step_key: Mapped[str | None] = mapped_column(sa.String(128))
    level: Mapped[int | None]
    provider: Mapped[str | None] = mapped_column(sa.String(16))
    model: Mapped[str | None] = mapped_column(sa.String(200))
    prompt_version: Mapped[str | None] = mapped_column(sa.String(64))
    prompt_hash: Mapped[str | None] = mapped_column(sa.String(64))
    prompt_tokens: Mapped[int | None]
    cached_tokens: Mapped[int | None]
    completion_tokens: Mapped[int | None]
    latency_ms: Mapped[int | None]


class CreditAccount(Base):
    """Whole credits of one user in one project, or of the project itself, which is no user's.

    The database itself keeps the sums right.
    """

    __tablename__ = "cascade_credit_accounts"
    __table_args__ = (
        sa.UniqueConstraint("project_id", "user_id"),
        sa.Index(
            "cascade_uq_credit_accounts_project",
            "project_id",
            unique=True,
            sqlite_where=sa.text("user_id IS NULL"),
            postgresql_where=sa.text("user_id IS NULL"),
        ),
        sa.CheckConstraint("available >= 0 AND held >= 0 AND captured >= 0", name="not_negative"),
        sa.CheckConstraint("available + held + captured = deposited", name="conserved"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Id)
    user_id: Mapped[str | None] = mapped_column(Id, sa.ForeignKey(User.id))
    deposited: Mapped[int] = mapped_column(default=0)
    available: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)
    captured: Mapped[int] = mapped_column(default=0)


class CreditEntry(Base):
    """One movement of credits. Append-only: a trigger refuses the rest.

    `credits` is negative only in a grant that takes back what was given in error; `reason` is why
    they were given or taken. The partial unique indexes are what makes a movement happen at most
    once, whoever asks twice.
    """

    __tablename__ = "cascade_credit_entries"
    __table_args__ = (
        sa.CheckConstraint("credits >= 0 OR kind = 'grant'", name="whole"),
        sa.Index("cascade_ix_credit_entries_account_at", "account_id", "at"),
        # What a page of them begins its lines with: grants, and the holds of runs.
        sa.Index(
            "cascade_ix_credit_entries_lines",
            "account_id",
            "id",
            sqlite_where=sa.text("kind IN ('grant', 'hold')"),
            postgresql_where=sa.text("kind IN ('grant', 'hold')"),
        ),
        sa.Index(
            "cascade_uq_credit_entries_hold_release",
            "run_id",
            "kind",
            unique=True,
            sqlite_where=sa.text("kind IN ('hold', 'release')"),
            postgresql_where=sa.text("kind IN ('hold', 'release')"),
        ),
        sa.Index(
            "cascade_uq_credit_entries_capture",
            "run_id",
            "step_key",
            unique=True,
            sqlite_where=sa.text("kind = 'capture'"),
            postgresql_where=sa.text("kind = 'capture'"),
        ),
    )

    id: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True
    )
    account_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(CreditAccount.id))
    kind: Mapped[EntryKind] = mapped_column(sa.String(8))
    credits: Mapped[int]
    run_id: Mapped[str | None] = mapped_column(Id)
    step_key: Mapped[str | None] = mapped_column(sa.String(128))
    at: Mapped[datetime] = mapped_column(default=now)
    reason: Mapped[str | None]


_STATUS_IS_ACTIVE = sa.text("status IN ('queued', 'running', 'cancelling')")
_STATUS_IS_WAITING = sa.text("status = 'awaiting_approval'")


class Run(Base):
    """One execution of one plan. Its row lock decides between a save and a cancel."""

    __tablename__ = "cascade_runs"
    __table_args__ = (
        sa.CheckConstraint(
            "status IN ({})".format(", ".join(f"'{status}'" for status in get_args(RunStatus))),
            name="status",
        ),
        sa.Index(
            "cascade_uq_runs_active",
            "story_version_id",
            unique=True,
            sqlite_where=_STATUS_IS_ACTIVE,
            postgresql_where=_STATUS_IS_ACTIVE,
        ),
        # A newer request of an editor for a story takes the older one's place.
        sa.Index(
            "cascade_uq_runs_waiting",
            "story_version_id",
            "user_id",
            unique=True,
            sqlite_where=_STATUS_IS_WAITING,
            postgresql_where=_STATUS_IS_WAITING,
        ),
        sa.Index("cascade_ix_runs_created_at", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    story_version_id: Mapped[str] = mapped_column(Id, index=True)
    account_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(CreditAccount.id))
    user_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(User.id))
    approved_by: Mapped[str | None] = mapped_column(Id, sa.ForeignKey(User.id))
    status: Mapped[RunStatus] = mapped_column(sa.String(20))
    plan: Mapped[dict[str, Any]]
    plan_hash: Mapped[str] = mapped_column(sa.String(64))
    estimated_credits: Mapped[int]
    provider: Mapped[str] = mapped_column(sa.String(16))
    model: Mapped[str] = mapped_column(sa.String(200))
    # To which its texts go; null where that is nowhere, or of a run of before it was kept.
    server: Mapped[str | None] = mapped_column(sa.String(300))
    resumed_from: Mapped[str | None] = mapped_column(Id, sa.ForeignKey("cascade_runs.id"))
    # The first run of a chain of resumed ones.
    chain_id: Mapped[str] = mapped_column(Id, index=True)
    # What its editor has said of it, for whoever decides or reads.
    note: Mapped[str | None]
    last_seq: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    # Of a chain's first run: when what the chain wrote was put back as a whole.
    restored_at: Mapped[datetime | None]
    error: Mapped[str | None]
    error_code: Mapped[str | None] = mapped_column(sa.String(64))
    # What the sentence is made of, so that it can be said in another language.
    error_fields: Mapped[dict[str, Any] | None]


class RunStep(Base):
    """One unit of a run. In a chain of resumed runs a step is saved, so charged, at most once."""

    __tablename__ = "cascade_run_steps"
    __table_args__ = (
        sa.Index(
            "cascade_uq_run_steps_saved",
            "chain_id",
            "key",
            unique=True,
            sqlite_where=sa.text("status = 'saved'"),
            postgresql_where=sa.text("status = 'saved'"),
        ),
    )

    run_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(Run.id), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    scene_id: Mapped[str | None] = mapped_column(Id)
    chain_id: Mapped[str] = mapped_column(Id)
    position: Mapped[int]
    credits: Mapped[int]
    status: Mapped[StepStatus] = mapped_column(sa.String(16), default="pending")
    # Of a call whose text was rejected and then accepted by the editor: saved without asking again.
    accepted_call_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    saved_digest: Mapped[str | None] = mapped_column(sa.String(16))
    revision_id: Mapped[int | None] = mapped_column(sa.ForeignKey(Revision.id))
    saved_at: Mapped[datetime | None]
    error: Mapped[str | None]
    error_code: Mapped[str | None] = mapped_column(sa.String(64))
    error_fields: Mapped[dict[str, Any] | None]


class ModelCall(Base):
    """One call to a writer and what it used, whatever became of it; unknown tokens are null.

    `outcome` is saved, rejected, failed or aborted. A rejected text is kept for the editor.
    """

    __tablename__ = "cascade_model_calls"

    id: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True
    )
    run_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(Run.id), index=True)
    step_key: Mapped[str] = mapped_column(sa.String(128))
    attempt: Mapped[int]
    at: Mapped[datetime] = mapped_column(default=now)
    outcome: Mapped[str] = mapped_column(sa.String(16))
    code: Mapped[str | None] = mapped_column(sa.String(64))
    provider: Mapped[str] = mapped_column(sa.String(16))
    model: Mapped[str] = mapped_column(sa.String(200))
    # Null for calls of before it was kept.
    prompt_version: Mapped[str | None] = mapped_column(sa.String(64))
    prompt_hash: Mapped[str | None] = mapped_column(sa.String(64))
    prompt_tokens: Mapped[int | None]
    cached_tokens: Mapped[int | None]
    completion_tokens: Mapped[int | None]
    latency_ms: Mapped[int]
    rejected_text: Mapped[str | None]
    reason: Mapped[str | None]
    # With the code what the reason is made of; null for calls of before it was kept.
    error_fields: Mapped[dict[str, Any] | None]


class LiveText(Base):
    """The text of a step as it grows, for whoever watches; gone when the call has ended."""

    __tablename__ = "cascade_live_texts"

    run_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(Run.id), primary_key=True)
    step_key: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    text: Mapped[str]


class RunEvent(Base):
    """What happened in a run, in order; written in the transaction of what it reports.

    `once` names events that may occur once a run only, whatever dies in between.
    """

    __tablename__ = "cascade_run_events"
    __table_args__ = (sa.UniqueConstraint("run_id", "once"),)

    run_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(Run.id), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    once: Mapped[str | None] = mapped_column(sa.String(160))
    body: Mapped[dict[str, Any]]


class Draft(Base):
    """One user's pending changes on one story: `levels` and `directions` by beat key."""

    __tablename__ = "cascade_drafts"

    story_version_id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(User.id), primary_key=True)
    levels: Mapped[dict[str, Any]]
    directions: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class Token(Base):
    """What a program shows instead of a user's name. Only its hash is kept, so it is shown once."""

    __tablename__ = "cascade_tokens"
    __table_args__ = (sa.UniqueConstraint("hash"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    hash: Mapped[str] = mapped_column(sa.String(64))
    user_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(User.id), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    # To the minute: not every request is to write.
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class StartKey(Base):
    """A client's own name for a start, so that asking for it twice starts one run.

    `digest` is of what was asked for.
    """

    __tablename__ = "cascade_start_keys"

    user_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(User.id), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    digest: Mapped[str] = mapped_column(sa.String(64))
    run_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(Run.id))
    created_at: Mapped[datetime] = mapped_column(default=now)
