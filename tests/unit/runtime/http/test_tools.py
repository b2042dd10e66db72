"""Tools as clients write them: a choice that is neither a word nor a tool is the caller's fault."""

from typing import Any

import pytest

from runtime.errors import NotImplementedYet, RequestInvalid
from runtime.http.tools import choice_of
from runtime.http.wire import ChatRequest


@pytest.mark.parametrize(
    "choice", [{}, {"function": 1}, {"function": {"name": {}}}, {"function": {"name": []}}, "x"]
)
def test_a_choice_without_a_tool_is_refused(choice: Any) -> None:
    with pytest.raises(RequestInvalid, match="neither a known word nor one of the tools"):
        choice_of(choice, [])


@pytest.mark.parametrize("choice", [{}, {"function": {"name": {}}}, "required"])
def test_a_choice_is_refused_where_no_tools_are_served(choice: Any) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "a"}], "tool_choice": choice}

    with pytest.raises((RequestInvalid, NotImplementedYet)):
        ChatRequest.model_validate(body).to_messages()
