"""The product's tables, made only where they are not there.

Their columns are described as they are made here: a product's may be null, or of other types.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from cascade.store.columns import JsonText
from cascade.store.tables.base import Base, Id

PRODUCT_TABLES = ("projects", "story_versions", "scene_plots", "scene_shots")


class Project(Base):
    """Owns story versions, has members, and pays."""

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str]


class StoryVersion(Base):
    """The product's table: levels and beat texts as JSON maps by beat key."""

    __tablename__ = "story_versions"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(Project.id), index=True)
    title: Mapped[str]
    language: Mapped[str] = mapped_column(sa.String(8))
    synopsis: Mapped[str | None]
    genre: Mapped[str | None]
    tone: Mapped[str | None]
    structure_type: Mapped[str] = mapped_column(sa.String(16))
    tension_levels: Mapped[str | None] = mapped_column(JsonText)
    hero_beats: Mapped[str | None] = mapped_column(JsonText)
    hero_key_actions: Mapped[str | None] = mapped_column(JsonText)
    cat_beats: Mapped[str | None] = mapped_column(JsonText)
    cat_key_actions: Mapped[str | None] = mapped_column(JsonText)
    harmon_beats: Mapped[str | None] = mapped_column(JsonText)
    harmon_key_actions: Mapped[str | None] = mapped_column(JsonText)


class ScenePlot(Base):
    """The product's table: one scene, with its plot and its script (Fountain text)."""

    __tablename__ = "scene_plots"
    __table_args__ = (sa.UniqueConstraint("story_version_id", "scene_number"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    story_version_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(StoryVersion.id))
    beat_key: Mapped[str | None] = mapped_column(sa.String(64))
    scene_number: Mapped[int]
    plot: Mapped[str | None]
    script: Mapped[str | None]


class SceneShot(Base):
    """The product's table: the shots of a scene, in order, each as its document gave it."""

    __tablename__ = "scene_shots"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    scene_plot_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(ScenePlot.id), index=True)
    shot_number: Mapped[int]
    shot: Mapped[str] = mapped_column(JsonText)
