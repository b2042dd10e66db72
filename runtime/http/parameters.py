"""Which of a request's further parameters are passed over, and which are refused.

What would change the answer and is not served is refused, unless its value asks for nothing. What
does not change the answer is passed over. A name that nobody knows may be either, or a slip of
the pen, and is refused too. ``docs/gateway.md`` lists them for users.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from runtime.errors import RequestInvalid

__all__ = ["ASKING_NOTHING", "PASSED_OVER", "refuse_unserved"]

PASSED_OVER: Final = frozenset(
    {
        "metadata",
        "name",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
    }
)
"""Parameters that say who asks, what to keep of it, or how to hurry; none changes the answer."""

ASKING_NOTHING: Final[Mapping[str, tuple[Any, ...]]] = {
    "audio": (),
    "best_of": (1,),
    "dimensions": (),
    "echo": (False,),
    "function_call": ("none", "auto", {}),
    "functions": ([],),
    "modalities": (["text"],),
    "reasoning_effort": (),
    "refusal": ("",),
    "suffix": ("",),
    "top_logprobs": (0,),
    "verbosity": (),
    "web_search_options": (),
}
"""Parameters that are not served, each with the values by which it asks for nothing."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def refuse_unserved(extra: Mapping[str, Any] | None, *, within: str = "") -> None:
    """Refuse what a front cannot serve of the parameters that it does not read.

    Args:
        extra: The parameters that the front's own shape does not have.
        within: Where in the body they stand; empty for the body itself.

    Raises:
        RequestInvalid: One of them is OpenAI's and is not served, or nobody's.
    """
    for name, value in (extra or {}).items():
        if value is None or name in PASSED_OVER:
            continue
        if name not in ASKING_NOTHING:
            shown = name if _NAME.fullmatch(name) else "body"
            raise RequestInvalid("holds a parameter that is not known here", field=within or shown)
        if value not in ASKING_NOTHING[name]:
            raise RequestInvalid("is not served here; leave it out", field=within or name)
