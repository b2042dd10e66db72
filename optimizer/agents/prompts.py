"""The LLM agent's prompts: fixed sentences of ours around the data of ``facts``.

Written anew after the contents listed in ``AGENT_REINFORCE.md`` 1.5 and 1.7. What a model wrote
never comes back in a prompt, not even in a request to try again.
"""

from collections.abc import Sequence
from typing import Final

from optimizer.agents.facts import init_facts, revision_facts
from optimizer.agents.failures import Rejection
from optimizer.agents.labels import Labels
from optimizer.agents.model import Aim, Ground, InitBrief, RevisionBrief
from runtime.documents.canonical import canonical_json
from runtime.ports import ChatMessage

__all__ = ["init_messages", "retry_message", "revision_messages"]

_SYSTEM: Final = """\
You design collaboration graphs of language models. A collaboration graph is a directed acyclic \
graph: each step is a role played by a model, an edge puts the answer of one step into the prompt \
of another, and one final step, the sink, gives the answer. You are given measurements only, \
never the questions. Intervals are 95 %: [value, low, high]. Differences inside overlapping \
intervals may be chance; do not read much into them. Answer with one JSON object and nothing \
else."""

_INIT_TASK: Final = """\
Choose which model-count vectors to try. A vector says how many steps use each model; all \
candidates cost about the same. The graph is wired later, from whichever vector proves best."""

_INIT_INSIGHTS: Final = """\
What is known in general:
- Each task has model families, sizes and mixes that suit it better than others at equal cost. \
Let the measured accuracies decide, not the size alone.
- More steps help up to a point. After it, long contexts confuse small models and late steps \
overwrite right answers of early ones.
- Many weak models do not add up to a strong one; a strong model reads many answers without \
losing its way.
- Prefer vectors whose models do well alone at this budget, or whose mix was measured to do \
well; of two equals take those that differ from each other, so that trying both teaches more."""

_INIT_FORM: Final = """\
Answer in this form, with exactly as many different candidate ids as "pick_exactly" says, the \
most promising first:
{"picks": ["v0", "v1"], "reason": "<one sentence>"}"""

_REVISE_TASK: Final = """\
Revise the search after its last graph. Write the next graph to try, and correct the \
probabilities with which edges and options are believed to help."""

_REWRITE_TASK: Final = """\
Revise the search after its last graph: correct the probabilities with which edges and options are \
believed to help. The next graph is drawn from them."""

_WORDS: Final = """\
An edge "x->y" puts the answer of step x into the prompt of step y. The role "assistant" answers, \
or improves the one answer that it reads; "fuser" reviews and merges the answers it reads, so it \
needs some. A step without a path to the sink does not run. "unit_cost" counts calls of the \
smallest model; "flops", "cost_usd" and "cloud_share" are means per question."""

_REVISE_RULES: Final = """\
Rules:
1. Use only the ids and options given. List in "edges" every edge that the next graph has, and \
give every decision under "choices" exactly one of its options.
2. The graph must stay acyclic, and something must lead to the sink. "required_edges" must be \
there.
3. If "model_counts" is given, the steps before the sink must use each model exactly that often.
4. Raise an edge's probability only if the last graph had it and did well; lower the edges of \
graphs that did badly. Roles, models and thresholds likewise.
5. Keep all caps, also on questions not yet seen: stay clear of the limit by the width of the \
interval."""

_REWRITE_RULES: Final = """\
Rules:
1. Use only the ids and options given.
2. Raise an edge's probability only if the last graph had it and did well; lower the edges of \
graphs that did badly. Roles, models and thresholds likewise.
3. Let what breaks a cap become improbable, also where the cap held by less than the width of the \
interval."""

_REVISE_INSIGHTS: Final = """\
What is known in general:
- Begin with the edges into the sink and work outward from there. Change a few things at a time, \
so that the next measurement can be understood.
- Width (steps side by side) and depth (steps in a row) each have a best value that depends on \
the task; beyond it more steps change nothing or do harm.
- They depend on each other: the wider a graph, the shallower its best depth, and the reverse. \
Trade one against the other instead of growing both.
- Put stronger models where many answers come together, and give such a step different models to \
read. Many messages into one step make its prompt long.
- If the recent accuracies hardly differ, explore: recombine the best graphs, or try options \
that were seldom tried."""

_AIMS: Final = {
    Aim.LATENCY: """\
Latency counts here. Only the longest path is waited for: fewer steps in a row, fewer messages \
into one step, and smaller models on that path shorten it. Steps may be left out (no edges): \
"model_counts" here says how often a model may be used at most.""",
    Aim.COST: """\
Cost counts here. Every step is paid for, and a step's cost grows with the answers it reads: \
drop steps that do not earn their cost, and use the cheapest model that does the work.""",
    Aim.PRIVACY: """\
Privacy counts here. Models in the zone "cloud" may be used only as far as the caps allow, and \
what the flow check forbids is not among the options at all. Let edge models do what they can.""",
}

_REVISE_FORM: Final = """\
Answer in this form. "option" is "present" for an edge; "probability" is the new value, 0 to 1; \
leave out what does not change:
{"edges": ["<edge id>"], "choices": {"<decision id>": "<option>"}, "probabilities": \
[{"decision": "<id>", "option": "<option>", "probability": 0.15}], "reason": "<one sentence>"}"""

_REWRITE_FORM: Final = """\
Answer in this form. "option" is "present" for an edge; "probability" is the new value, 0 to 1; \
leave out what does not change:
{"probabilities": [{"decision": "<id>", "option": "<option>", "probability": 0.15}], \
"reason": "<one sentence>"}"""

_RETRY: Final = """\
Your previous answer could not be used. Why, in machine-readable form:
{rejection}
"repairs", if given, are single changes that would make that graph acceptable. Answer again, in \
the same form, complete."""


def init_messages(
    brief: InitBrief, labels: Labels, *, insights: bool = True
) -> tuple[ChatMessage, ...]:
    """Return the chat that asks for model-count vectors.

    Args:
        brief: What is known.
        labels: What things are called.
        insights: Whether the prompt says what is known in general; without, it is an ablation.
    """
    facts = canonical_json(init_facts(brief, labels)).decode()
    task = [_INIT_TASK, *([_INIT_INSIGHTS] if insights else [])]
    return _chat(task, brief.ground, facts, form=_INIT_FORM)


def revision_messages(
    brief: RevisionBrief, labels: Labels, *, insights: bool = True
) -> tuple[ChatMessage, ...]:
    """Return the chat that asks for the next graph and new probabilities.

    Args:
        brief: What is known.
        labels: What things are called.
        insights: As for ``init_messages``; without, this is a TextGrad-style proposer.
    """
    facts = canonical_json(revision_facts(brief, labels)).decode()
    known = [_REVISE_INSIGHTS] if insights else []
    if not brief.writes_graph:
        task = [_REWRITE_TASK, _WORDS, _REWRITE_RULES, *known]
        return _chat(task, brief.ground, facts, form=_REWRITE_FORM)
    task = [_REVISE_TASK, _WORDS, _REVISE_RULES, *known]
    return _chat(task, brief.ground, facts, form=_REVISE_FORM)


def retry_message(rejection: Rejection) -> ChatMessage:
    """Return the turn that says why the last reply was rejected; it does not quote the reply."""
    reason = canonical_json(rejection.as_json()).decode()
    return ChatMessage("user", _RETRY.format(rejection=reason))


def _chat(task: Sequence[str], ground: Ground, facts: str, *, form: str) -> tuple[ChatMessage, ...]:
    aims = [text for aim, text in _AIMS.items() if aim in ground.aims]
    content = "\n\n".join([*task, *aims, f"Data:\n{facts}", form])
    return ChatMessage("system", _SYSTEM), ChatMessage("user", content)
