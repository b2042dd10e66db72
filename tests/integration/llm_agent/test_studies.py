"""A study whose LLM agent answers: counted, journaled, never paid twice, never needed again."""

import itertools
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from optimizer.agents.model import FailureKind, InitReply
from optimizer.agents.transcript import read_transcript
from optimizer.study.events import Asked, Ended
from optimizer.study.search_cost import agent_cost
from runtime.errors import StudyInvalid
from runtime.testing.scripted_provider import Provider, Script, running_provider
from tests.integration.llm_agent.desk import answering
from tests.integration.llm_agent.studies import (
    INIT,
    REVISIONS,
    revision,
    run,
    study_data,
    write_study,
)

FIRST = revision("two")


@pytest.fixture
def scripted(provider: Provider) -> Provider:
    """An agent that picks, proposes three teams, and then says the same again and again."""
    provider.queue = [INIT, FIRST, *REVISIONS]
    provider.script = FIRST
    return provider


async def test_the_llm_decides_and_its_graphs_are_run(scripted: Provider, tmp_path: Path) -> None:
    ran = await run(write_study(tmp_path, scripted.base_url))

    authors = {one.reply.author for one in ran.advised}
    picked = ran.advised[0].reply
    graphs = {str(one.trial.candidate.key) for one in ran.events if isinstance(one, Asked)}
    assert ran.reason == "finished"
    assert authors == {"llm:deep-one"}
    assert isinstance(picked, InitReply)
    assert picked.picks == (0, 1)
    assert "vote(one,two)" in graphs


async def test_what_the_agent_used_is_in_the_studys_budget_and_in_a_line_of_its_own(
    scripted: Provider, tmp_path: Path
) -> None:
    ran = await run(write_study(tmp_path, scripted.base_url))

    cost = agent_cost(ran.events)
    calls = len(scripted.calls)
    assert cost is not None
    assert cost.spent.calls == calls == cost.decisions == cost.by_llm
    assert cost.spent.tokens == 9 * calls
    assert cost.spent.usd == pytest.approx(calls * (7 * 1.0 + 2 * 10.0) / 1e6)
    assert ran.budget.spent.usd == pytest.approx(cost.spent.usd)


async def test_the_transcript_is_its_owners_alone_and_the_journal_holds_no_text(
    scripted: Provider, tmp_path: Path
) -> None:
    ran = await run(write_study(tmp_path, scripted.base_url))

    assert stat.S_IMODE(ran.transcript.stat().st_mode) == 0o600
    assert b"they did well" in ran.transcript.read_bytes()
    assert b"they did well" not in ran.journal
    hashes = [one.request_sha256 for one in read_transcript(ran.transcript)]
    assert hashes == [call.request for one in ran.advised for call in one.exchanges]


async def test_a_finished_study_needs_no_endpoint_no_key_and_no_transcript(
    scripted: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    key.write_text("secret")
    study = write_study(tmp_path, scripted.base_url, agent={"api_key_file": "key"})
    first = await run(study)
    journal, calls = first.journal, len(scripted.calls)
    key.unlink()
    first.transcript.unlink()

    again = await run(study)

    assert again.journal == journal
    assert len(scripted.calls) == calls
    assert again.budget.spent == first.budget.spent


async def test_a_study_killed_at_any_line_ends_the_same_and_pays_for_no_call_twice(
    scripted: Provider, tmp_path: Path
) -> None:
    study = write_study(tmp_path, scripted.base_url)
    whole = await run(study)
    journal, transcript, calls = whole.journal, whole.transcript.read_bytes(), len(scripted.calls)
    ends = [0, *(place + 1 for place, byte in enumerate(journal) if byte == 10)]

    for end in [*ends[:20:5], *ends[20 :: len(ends) // 4]]:
        cut = tmp_path / f"cut-{end}"
        cut.mkdir()
        (cut / "journal.jsonl").write_bytes(journal[: max(0, end - 3)])
        (cut / "agent.jsonl").write_bytes(transcript)
        again = await run(study, cut)
        assert again.journal == journal, end
        assert again.transcript.read_bytes() == transcript

    assert len(scripted.calls) == calls


async def test_a_transcript_alone_gives_the_same_journal_without_any_endpoint(
    scripted: Provider, tmp_path: Path
) -> None:
    study = write_study(tmp_path, scripted.base_url)
    whole = await run(study)
    fresh = tmp_path / "elsewhere"
    fresh.mkdir()
    (fresh / "agent.jsonl").write_bytes(whole.transcript.read_bytes())
    calls = len(scripted.calls)

    again = await run(study, fresh)

    assert again.journal == whole.journal
    assert len(scripted.calls) == calls


async def test_a_transcript_of_another_study_is_refused(scripted: Provider, tmp_path: Path) -> None:
    study = write_study(tmp_path, scripted.base_url)
    first = await run(study)
    fresh = tmp_path / "elsewhere"
    fresh.mkdir()
    (fresh / "agent.jsonl").write_bytes(first.transcript.read_bytes())
    other = write_study(tmp_path, scripted.base_url, seed=4)

    with pytest.raises(StudyInvalid, match="does not fit the journal"):
        await run(other, fresh)


async def test_a_journal_whose_decisions_answered_other_briefs_is_refused(
    scripted: Provider, tmp_path: Path
) -> None:
    study = write_study(tmp_path, scripted.base_url)
    first = await run(study)
    brief = first.advised[1].brief.encode()
    path = first.directory / "journal.jsonl"
    path.write_bytes(first.journal.replace(brief, b"0" * 64))

    with pytest.raises(StudyInvalid, match="goes another way"):
        await run(study)


async def test_more_trials_go_on_with_the_agent_where_it_was(
    scripted: Provider, tmp_path: Path
) -> None:
    short = await run(write_study(tmp_path, scripted.base_url, trials=8))
    longer = await run(write_study(tmp_path, scripted.base_url, trials=14), short.directory)

    bodies = [str(call) for call in scripted.calls]
    assert len(longer.advised) > len(short.advised)
    assert longer.advised[: len(short.advised)] == short.advised
    assert len(bodies) == len(longer.advised)


@pytest.mark.parametrize("searcher", ["textgrad", "maao"])
async def test_the_peers_ask_the_llm_too_and_are_told_no_insights(
    provider: Provider, tmp_path: Path, searcher: str
) -> None:
    rewriting = '{"probabilities": [], "reason": "keep"}'
    provider.script = answering(rewriting) if searcher == "maao" else FIRST

    ran = await run(write_study(tmp_path, provider.base_url, searcher=searcher))

    sent = str(provider.calls)
    assert {one.reply.author for one in ran.advised} == {"llm:deep-one"}
    assert len(provider.calls) == len(ran.advised) > 0
    assert "What is known in general" not in sent
    assert ("drawn from them" in sent) == (searcher == "maao")


@pytest.mark.parametrize("searcher", ["agent_reinforce", "textgrad", "maao"])
async def test_without_an_llm_the_rule_form_runs_and_asks_nobody(
    provider: Provider, tmp_path: Path, searcher: str
) -> None:
    data = study_data(provider.base_url, searcher=searcher)
    data["searcher"] = {"name": searcher, "agent": {"kind": "rule"}}
    study = write_study(tmp_path, provider.base_url)
    study.write_text(yaml.safe_dump(data))

    ran = await run(study)

    assert ran.reason == "finished"
    assert agent_cost(ran.events) is None
    assert not ran.transcript.exists()
    assert provider.calls == []


# Fallback.


async def test_a_rejected_reply_is_told_why_and_may_be_mended(
    provider: Provider, tmp_path: Path
) -> None:
    provider.queue = [INIT, revision("ghost"), FIRST]
    provider.script = FIRST

    ran = await run(write_study(tmp_path, provider.base_url))

    outcomes = [one.outcome for one in ran.advised[1].exchanges]
    retried = provider.calls[2]["messages"][-1]["content"]
    assert outcomes == ["unknown_id", "used"]
    assert ran.advised[1].reply.fell_back is None
    assert '"code":"unknown_id"' in retried
    assert "ghost" not in retried


async def test_after_three_tries_the_rule_agent_decides_and_after_three_such_briefs_for_good(
    provider: Provider, tmp_path: Path
) -> None:
    provider.script = answering("I would rather not")

    ran = await run(write_study(tmp_path, provider.base_url, trials=20))

    fell_back = [one.reply.fell_back for one in ran.advised]
    assert ran.reason == "finished"
    assert fell_back[:3] == [FailureKind.REJECTED] * 3
    assert set(fell_back[3:]) == {FailureKind.GIVEN_UP}
    assert {one.reply.author for one in ran.advised} == {"rule"}
    assert len(provider.calls) == 9


async def test_an_llm_that_comes_back_is_asked_again(provider: Provider, tmp_path: Path) -> None:
    down = [Script(status=401)] * 2
    provider.queue = [*down, FIRST, Script(status=401)]
    provider.script = FIRST

    ran = await run(write_study(tmp_path, provider.base_url, trials=20))

    fell_back = [one.reply.fell_back for one in ran.advised]
    refused = FailureKind.REFUSED
    assert fell_back[:4] == [refused, refused, None, refused]
    assert set(itertools.islice(fell_back, 4, None)) == {None}


@pytest.mark.parametrize("status", [400, 500])
async def test_an_endpoint_that_refuses_schemas_is_asked_without_for_good_also_after_a_kill(
    provider: Provider, tmp_path: Path, status: int
) -> None:
    provider.queue = [Script(status=status), INIT]
    provider.script = FIRST
    study = write_study(tmp_path, provider.base_url)
    whole = await run(study)
    journal = whole.journal
    second = journal.index(b'"event":"advised","number":2')
    (whole.directory / "journal.jsonl").write_bytes(journal[:second])
    whole.transcript.write_bytes(b"".join(whole.transcript.read_bytes().splitlines(True)[:6]))

    again = await run(study)

    assert again.journal == journal
    assert [("response_format" in call) for call in provider.calls][:2] == [True, False]
    assert not any("response_format" in call for call in provider.calls[1:])


async def test_a_schema_that_is_insisted_on_is_asked_for_also_after_a_refusal_and_a_kill(
    provider: Provider, tmp_path: Path
) -> None:
    provider.queue = [Script(status=400)]
    provider.script = FIRST
    study = write_study(tmp_path, provider.base_url, agent={"structure": "schema"})
    whole = await run(study)
    journal = whole.journal
    second = journal.index(b'"event":"advised","number":1')
    (whole.directory / "journal.jsonl").write_bytes(journal[:second])
    whole.transcript.write_bytes(b"".join(whole.transcript.read_bytes().splitlines(True)[:2]))

    again = await run(study)

    assert whole.advised[0].reply.fell_back is FailureKind.SCHEMA_REFUSED
    assert again.journal == journal
    assert all("response_format" in call for call in provider.calls)


async def test_an_endpoint_that_is_not_there_costs_nothing_and_the_study_ends_well(
    tmp_path: Path,
) -> None:
    async with running_provider() as gone:
        pass

    ran = await run(write_study(tmp_path, gone.base_url, agent={"retries": 0}))

    cost = agent_cost(ran.events)
    assert ran.reason == "finished"
    assert isinstance(ran.events[-1], Ended)
    assert cost is not None
    assert cost.by_llm == 0
    assert cost.spent == replace(cost.spent, usd=0.0, tokens=0)
    assert cost.was_given_up
