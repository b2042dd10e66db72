"""Where a capitalised word is no person: in the name of a law, or as an item to choose from.

"The Pauli principle" and "Piaget's theory" tell of nobody who is near; "Kowalska's test" may, so
after a possessive only what is never somebody's own counts. Knows forms, no lists of names.
"""

import re
from typing import Final

__all__ = ["is_eponym", "is_offered"]

_SCIENCE: Final = (
    r"(?:theor(?:y|ies|ems?)|laws?|principles?|constant|equations?|paradox|hypothes[ie]s|conjecture"
    r"|lemma|inequalit(?:y|ies)|transform(?:ation)?|distribution|polynomials?|razor|criteri(?:on|a))"
)
"""What is called after whoever found it, and belongs to nobody."""
_CALLED: Final = (
    rf"(?:{_SCIENCE}|diseases?|syndromes?|effect|numbers?|algorithm|sequence|spaces?|groups?|bod(?:y|ies)"
    r"|an(?:a)?emia|palsy|reflex|sign|scale|index|curve|reactions?|cycle|matri(?:x|ces)|operator"
    r"|functions?|series|integral|frequency|radius|cells?|dementia|manoeuvre|maneuver|telescope)"
)
_END: Final = (
    r"(?=\W*\Z|[ \t]*[.,;:?!)\]\n]|[ \t]+(?:of|is|was|are|were|states?|says|that|and|or|in|for|to"
    r"|from|which|can|predicts|implies|holds|by|with|as)\b)"
)
"""No law firm, and no group leader."""
_POSSESSIVE: Final = re.compile(rf"['\u2019]s? (?:[a-z-]{{2,20}} ){{0,2}}{_SCIENCE}{_END}")
_PLAIN: Final = re.compile(rf" (?:[a-z-]{{2,20}} ){{0,1}}{_CALLED}{_END}")
_ITEM: Final = re.compile(r"[ \t]*[(\[]?[A-Ia-i][.):\]][ \t]{1,3}")


def is_eponym(text: str, start: int, end: int) -> bool:
    """Whether a word is part of what a law, a disease or the like is called."""
    if text[end - 2 : end] in ("'s", "\u2019s"):
        end -= 2
    return _POSSESSIVE.match(text, end) is not None or _PLAIN.match(text, end) is not None


def is_offered(text: str, start: int, end: int) -> bool:
    """Whether a word is all that stands behind a letter at a line's beginning."""
    line = text.rfind("\n", 0, start) + 1
    after = text.find("\n", end)
    rest = text[end : after if after >= 0 else len(text)]
    return _ITEM.fullmatch(text, line, start) is not None and not rest.strip(" \t.,;")
