"""What the optimizer's commands share: their options, and how they open a study."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from optimizer.study.opening import OpenStudy, open_study
from optimizer.study.running import RunPlace
from runtime.clock import SystemClock

__all__ = [
    "CacheOption",
    "DirectoryOption",
    "GraphArgument",
    "StudyArgument",
    "UnprovenOption",
    "opened",
    "place_of",
]

StudyArgument = Annotated[Path, typer.Argument(help="Study file (study/v1).")]
DirectoryOption = Annotated[
    Path | None, typer.Option("--dir", help="Its journal and cache; default: beside the file.")
]
CacheOption = Annotated[
    Path | None, typer.Option("--cache", help="A cache that several studies share.")
]
GraphArgument = Annotated[str, typer.Argument(help="A graph: g3, its key, or recommended.")]
UnprovenOption = Annotated[
    bool,
    typer.Option("--unproven", help="Also graphs that kept the constraints so far, unproven."),
]


def opened(study: Path) -> OpenStudy:
    """Open a study at today's prices."""
    return open_study(study, today=SystemClock().now().date())


def place_of(one: OpenStudy, directory: Path | None, cache: Path | None = None) -> RunPlace:
    """Return where a study is kept."""
    environment = dict(os.environ)  # noqa: TID251 - the command line is a root
    return RunPlace(directory or one.study.directory, cache, environment)
