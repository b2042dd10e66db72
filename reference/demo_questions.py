"""The questions of the demo: drawn from the report split, which no model was trained on."""

from dataclasses import dataclass

from reference.tasks import Question, questions

__all__ = ["DemoQuestions", "draw_questions"]

_CANDIDATES = 400


@dataclass(frozen=True, slots=True)
class DemoQuestions:
    """One question per situation."""

    public: Question
    """No personal data."""
    personal: Question
    """Names a person."""
    restricted: Question
    """Names a person and a condition."""
    fused: Question
    """Names a person; asked of both sides."""
    unsure: Question
    """Harder, names a person; asked of the cloud only when the edge is unsure."""


def draw_questions(seed: int) -> DemoQuestions:
    """Return the first question of each kind in a seeded draw of report questions."""
    drawn = [
        question
        for task in ("ledger", "dosage")
        for question in questions(split="report", count=_CANDIDATES // 2, seed=seed, task=task)
    ]
    used: set[str] = set()

    def first(*, personal: bool, health: bool, level: int, task: str) -> Question:
        for question in drawn:
            kinds = {span.kind for span in question.spans}
            if (
                question.id not in used
                and question.task == task
                and question.level == level
                and question.is_personal == personal
                and ("health" in kinds) == health
            ):
                used.add(question.id)
                return question
        raise LookupError(f"no {task} question of level {level} in this draw")

    return DemoQuestions(
        public=first(personal=False, health=False, level=3, task="ledger"),
        personal=first(personal=True, health=False, level=3, task="dosage"),
        restricted=first(personal=True, health=True, level=1, task="dosage"),
        fused=first(personal=True, health=False, level=2, task="ledger"),
        unsure=first(personal=True, health=False, level=4, task="dosage"),
    )
