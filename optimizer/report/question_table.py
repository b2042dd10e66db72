"""Which question which graph got right: ids and marks, never a text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from optimizer.study.archive import Measured

__all__ = ["question_table"]

_MOST_GRAPHS = 12
_MARKS = {True: ("right", "&#10003;"), False: ("wrong", "&#10007;")}


def question_table(graphs: Sequence[Measured], names: Sequence[str]) -> str:
    """Return the table, hardest questions first.

    Args:
        graphs: The columns, most interesting first.
        names: What each question is called.
    """
    shown = list(graphs[:_MOST_GRAPHS])
    if not shown:
        return '<p class="none">Nothing was measured yet.</p>'
    marks = [
        {int(q): float(r) for q, r in zip(g.outcomes.questions, g.outcomes.right, strict=True)}
        for g in shown
    ]
    exposed = [
        {int(q) for q, x in zip(g.outcomes.questions, g.outcomes.exposed, strict=True) if x}
        for g in shown
    ]
    questions = sorted({q for column in marks for q in column}, key=lambda q: (_ease(q, marks), q))
    head = "".join(f"<th>{one.name}</th>" for one in shown)
    rows = []
    for question in questions:
        cells = "".join(
            _cell(column.get(question), is_exposed=question in out)
            for column, out in zip(marks, exposed, strict=True)
        )
        name = names[question] if question < len(names) else str(question)
        rows.append(f"<tr><th>{escape(name[:40])}</th>{cells}</tr>")
    return (
        '<div class="scroll"><table class="questions"><thead><tr><th>question</th>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _ease(question: int, marks: Sequence[dict[int, float]]) -> float:
    known = [column[question] for column in marks if question in column]
    return sum(known) / len(known)


def _cell(right: float | None, *, is_exposed: bool) -> str:
    if right is None:
        return "<td></td>"
    kind, mark = _MARKS[right >= 0.5]
    left = " left" if is_exposed else ""
    word = "right" if right >= 0.5 else "wrong"
    where = ", left the edge" if is_exposed else ""
    return f'<td class="{kind}{left}" title="{word}{where}">{mark}</td>'
