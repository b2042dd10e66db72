"""What a request needs of a provider, and what may be done with it beside asking once. Pure."""

from collections.abc import Callable, Mapping, Sequence

from cloud.upstreams.model import Capabilities, Route, Target
from runtime.errors import RequestInvalid
from runtime.ports import GenerateRequest

__all__ = ["can_continue", "can_hedge", "capable_targets"]


def capable_targets(
    request: GenerateRequest, route: Route, capabilities: Mapping[str, Capabilities]
) -> Sequence[Target]:
    """Return the targets of ``route`` that can do what ``request`` asks.

    Raises:
        RequestInvalid: None can; names the field that asks for too much.
    """
    if route.embeds:
        raise RequestInvalid(f"model {route.model} serves embeddings only", field="model")
    able: Sequence[Target] = route.targets
    if request.continues:
        able = _continuing_targets(request, route)
    for field, has in _needs(request):
        able = [target for target in able if has(capabilities[target.upstream])]
        if not able:
            raise RequestInvalid(f"no upstream of model {route.model} can do this", field=field)
    return able


def _continuing_targets(request: GenerateRequest, route: Route) -> Sequence[Target]:
    """Return the targets that go on with a begun answer, and can check a draft.

    Raises:
        RequestInvalid: There are none, or it cannot be done with this request.
    """
    if request.uses_tools or not request.sampling.is_plain:
        raise RequestInvalid("only plain text can be gone on with", field="begun")
    if request.draft and not request.sampling.is_greedy:
        raise RequestInvalid("a draft can be checked in greedy calls only", field="draft")
    able = [target for target in route.targets if target.template is not None]
    if not able:
        reason = f"no target of model {route.model} checks drafts"
        raise RequestInvalid(reason, field="draft" if request.draft else "begun")
    return able


def can_continue(request: GenerateRequest) -> bool:
    """Whether another provider could go on with an answer: only plain text can be cut anywhere.

    A stop text is excluded because the cut may lie inside of it, where neither provider sees it.
    """
    return request.sampling.is_plain and not (request.uses_tools or request.continues)


def can_hedge(request: GenerateRequest, route: Route) -> bool:
    """Whether asking twice has no effect but its cost."""
    return route.may_hedge and len(route.targets) > 1 and not request.uses_tools


def _needs(request: GenerateRequest) -> list[tuple[str, Callable[[Capabilities], bool]]]:
    """Return what is asked for, as fields of the request and what a provider must say of itself."""
    sampling = request.sampling
    asked: list[tuple[object, str, Callable[[Capabilities], bool]]] = [
        (sampling.json_schema, "sampling.json_schema", lambda able: able.schema != "none"),
        (sampling.grammar, "sampling.grammar", lambda able: able.grammar),
        (request.uses_tools, "tools", lambda able: able.tools),
        (sampling.logprobs, "sampling.logprobs", lambda able: able.logprobs),
    ]
    return [(field, has) for value, field, has in asked if value]
