import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge.privacy.releases import EdgeReleases
from edge.privacy.vault import Vault
from runtime.clock import SystemClock
from runtime.errors import DetectionFailed, GateRefused, NotImplementedYet, VaultLocked
from runtime.ids import Category, PlanId, RequestId, SessionId, StepId
from runtime.ports import ChatMessage, Provenance
from runtime.sentinel.categories import CONTACT, IDENTITY, PERSON
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detector import Detector
from runtime.sentinel.detectors.dictionary import Term
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.span import Span

REMOVED = frozenset({PERSON, CONTACT})
PROJECT = Category("project_name")
DETECTORS = default_detectors(dictionary=[Term("Blue Falcon", "project_name", PROJECT)])


def provenance(request: str = "r1", session: str = "s1") -> Provenance:
    return Provenance(RequestId(request), SessionId(session), PlanId("p"), StepId("step"))


def user(*contents: str) -> list[ChatMessage]:
    return [ChatMessage("user", content) for content in contents]


def releases_with(
    vault: Vault, detectors: list[Detector] | None = None, **limits: int
) -> EdgeReleases:
    return EdgeReleases(Sentinel(detectors or DETECTORS), vault, clock=SystemClock(), **limits)


async def test_a_request_leaves_as_placeholders_and_its_answer_comes_back(vault: Vault) -> None:
    releases = releases_with(vault)

    released, record = await releases.release(
        user("Patient Anna Kowalska (phone +48 601 234 567) takes 3 tablets."),
        REMOVED,
        provenance(),
    )
    answer = await releases.restore("<PERSON_1> takes 3. Call <PHONE_1>.", provenance())

    assert released == (
        ChatMessage("user", "Patient <PERSON_1> (phone <PHONE_1>) takes 3 tablets."),
    )
    assert (record.by, record.categories, record.spans) == ("redact", (CONTACT, PERSON), 2)
    assert answer == "Anna Kowalska takes 3. Call +48 601 234 567."


def with_surrogates(vault: Vault) -> EdgeReleases:
    return EdgeReleases(Sentinel(DETECTORS), vault, clock=SystemClock(), has_surrogates=True)


async def test_with_surrogates_a_request_leaves_as_invented_data_and_comes_back(
    vault: Vault,
) -> None:
    releases = with_surrogates(vault)
    text = "Patient Anna Kowalska (phone +48 601 234 567) takes 3 tablets. Mail: a.k@here.org."

    (left,), record = await releases.release(user(text), REMOVED, provenance())
    again, _ = await releases.release(user("Is Kowalska well?"), REMOVED, provenance("r2"))
    stream = releases.restorer(provenance())
    answer = "Ms. QUELLIMAR takes 3. Call (202) 555-0101, or write to contact1@example.com."
    shown = "".join(map(stream.feed, answer)) + stream.finish()

    assert left.content == (
        "Patient Quellimar (phone +1 202-555-0101) takes 3 tablets. Mail: contact1@example.com."
    )
    assert record.spans == 3
    assert await releases.restore(left.content, provenance()) == text
    assert again[0].content == "Is B. Quellimar well?"
    assert shown == "Ms. Anna Kowalska takes 3. Call +48 601 234 567, or write to a.k@here.org."


async def test_only_surrogates_of_this_request_are_issued_and_restored(vault: Vault) -> None:
    releases = with_surrogates(vault)
    await releases.release(user("Patient Anna Kowalska"), REMOVED, provenance())
    await releases.release(user("Patient Xylo Brant"), REMOVED, provenance("r2"))

    assert "Quellimar" in releases.issued(provenance())
    assert "Vandoveth" not in releases.issued(provenance())
    assert "Quellimar" not in releases.issued(provenance(session="s2"))
    assert await releases.restore("Vandoveth", provenance()) == "Vandoveth"
    releases.finish(SessionId("s1"), RequestId("r1"))
    assert "Quellimar" not in releases.issued(provenance())


async def test_who_really_bears_a_surrogate_is_replaced_like_anybody(vault: Vault) -> None:
    releases = with_surrogates(vault)
    text = "Patient Anna Kowalska, then patient Bob Quellimar; Vandoveth Road."

    (left,), _ = await releases.release(user(text), REMOVED, provenance())

    assert left.content.startswith("Patient Quellimar, then patient Vandoveth; <LITERAL_1>")
    assert await releases.restore(left.content, provenance()) == text


async def test_a_further_release_of_the_same_request_reads_surrogates_as_tags(
    vault: Vault,
) -> None:
    releases = with_surrogates(vault)
    text = "Patient Anna Kowalska, born 1984-03-02."
    left, _ = await releases.release(user(text), frozenset({PERSON}), provenance())

    (further,), record = await releases.release(
        left, frozenset({IDENTITY}), provenance(), by="generalise"
    )

    assert left[0].content.startswith("Patient Quellimar, born ")
    assert further.content.startswith("Patient <PERSON_1>, born [a date of birth")
    assert record.spans == 1
    assert (await releases.restore("<PERSON_1>", provenance())) == "Anna Kowalska"


async def test_all_turns_are_redacted_alike_whatever_their_role(vault: Vault) -> None:
    releases = releases_with(vault)
    chat = [
        ChatMessage("system", "You help Dr. Xylo Brant."),
        ChatMessage("user", "Xylo Brant is late. Brant, again!"),
        ChatMessage("assistant", "Is Brant ill?"),
    ]

    released, _ = await releases.release(chat, REMOVED, provenance())

    assert [message.content for message in released] == [
        "You help Dr. <PERSON_1>.",
        "<PERSON_1> is late. <PERSON_1b>, again!",
        "Is <PERSON_1b> ill?",
    ]


async def test_a_later_request_of_the_session_knows_the_people_of_earlier_ones(
    vault: Vault,
) -> None:
    releases = releases_with(vault)
    await releases.release(user("Patient Xylo Brant has a cold."), REMOVED, provenance("r1"))

    released, _ = await releases.release(user("Brant is better."), REMOVED, provenance("r2"))

    assert released[0].content == "<PERSON_1b> is better."


async def test_sessions_do_not_know_of_each_other(vault: Vault) -> None:
    releases = releases_with(vault)
    await releases.release(user("Patient Xylo Brant"), REMOVED, provenance("r1", "s1"))

    released, _ = await releases.release(
        user("Patient Wei Chen met Brant"), REMOVED, provenance("r2", "s2")
    )

    assert released[0].content == "Patient <PERSON_1> met Brant"


async def test_a_request_without_a_session_shares_with_nobody(vault: Vault) -> None:
    releases = releases_with(vault)
    await releases.release(user("Patient Xylo Brant"), REMOVED, provenance("r1", ""))

    released, _ = await releases.release(user("Patient Wei Chen"), REMOVED, provenance("r2", ""))
    answer = await releases.restore("<PERSON_1>", provenance("r2", ""))

    releases.finish(SessionId(""), RequestId("r2"))

    assert released[0].content == "Patient <PERSON_1>"
    assert answer == "Wei Chen"
    assert await releases.restore("<PERSON_1>", provenance("r2", "")) == "<PERSON_1>"


async def test_only_what_this_request_released_is_restored(
    vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    releases = releases_with(vault)
    await releases.release(user("Patient Anna Kowalska"), REMOVED, provenance("r1"))
    await releases.release(user("Patient Jonas Berg"), REMOVED, provenance("r2"))

    answer = await releases.restore("<PERSON_1> and <PERSON_2>", provenance("r2"))

    assert answer == "<PERSON_1> and Jonas Berg"
    assert [record.message for record in caplog.records] == ["placeholders_unknown"]


async def test_categories_that_are_not_released_stay(vault: Vault) -> None:
    releases = releases_with(vault)

    released, _ = await releases.release(
        user("Blue Falcon is led by Anna Kowalska, who has asthma."), REMOVED, provenance()
    )

    assert released[0].content == "Blue Falcon is led by <PERSON_1>, who has asthma."


async def test_look_alikes_in_the_input_come_back_as_they_were(vault: Vault) -> None:
    releases = releases_with(vault)
    text = "Patient Anna Kowalska wrote <PERSON_1> and PHONE_7."

    released, _ = await releases.release(user(text), REMOVED, provenance())

    assert released[0].content == "Patient <PERSON_1> wrote <LITERAL_1> and <LITERAL_2>."
    assert await releases.restore(released[0].content, provenance()) == text


async def test_a_stream_is_restored_over_its_chunk_borders(vault: Vault) -> None:
    releases = releases_with(vault)
    await releases.release(user("Patient Anna Kowalska"), REMOVED, provenance())
    stream = releases.restorer(provenance())

    shown = [stream.feed(piece) for piece in ("Give <PER", "SON_", "1> 3 tablets <")]

    assert "".join(shown) + stream.finish() == "Give Anna Kowalska 3 tablets <"


async def test_originals_outlive_the_process(vault: Vault) -> None:
    await releases_with(vault).release(user("Patient Xylo Brant"), REMOVED, provenance("r1"))

    released, _ = await releases_with(vault).release(user("Brant"), REMOVED, provenance("r2"))

    assert released[0].content == "<PERSON_1b>"


async def test_concurrent_requests_of_a_session_never_share_a_placeholder(vault: Vault) -> None:
    releases = releases_with(vault)
    names = ["Anna Kowalska", "Jonas Berg", "Wei Chen", "Priya Patel"]

    released = await asyncio.gather(
        *(releases.release(user(f"Patient {name}"), REMOVED, provenance(name)) for name in names)
    )

    assert len({messages[0].content for messages, _ in released}) == len(names)


async def test_memory_is_bounded_and_the_vault_fills_in(vault: Vault) -> None:
    releases = releases_with(vault, max_sessions=1, max_requests=1)
    await releases.release(user("Patient Xylo Brant"), REMOVED, provenance("r1", "s1"))
    await releases.release(user("Patient Wei Chen"), REMOVED, provenance("r2", "s2"))

    released, _ = await releases.release(user("Brant"), REMOVED, provenance("r3", "s1"))

    assert released[0].content == "<PERSON_1b>"
    assert await releases.restore("<PERSON_1>", provenance("r1", "s1")) == "<PERSON_1>"


async def test_a_finished_request_and_a_forgotten_session_restore_nothing(vault: Vault) -> None:
    releases = releases_with(vault)
    await releases.release(user("Patient Anna Kowalska"), REMOVED, provenance("r1"))
    await releases.release(user("Patient Anna Kowalska"), REMOVED, provenance("r2"))

    where = provenance("r1")
    releases.finish(where.session_id, where.request_id)
    finished = await releases.restore("<PERSON_1>", provenance("r1"))
    deleted = await releases.forget(SessionId("s1"))

    assert finished == "<PERSON_1>"
    assert deleted == 1
    assert await releases.restore("<PERSON_1>", provenance("r2")) == "<PERSON_1>"


async def test_approval_changes_nothing_and_is_recorded(vault: Vault) -> None:
    messages = user("Patient Anna Kowalska has asthma.")

    released, record = await releases_with(vault).release(
        messages, frozenset({PERSON}), provenance(), by="approval"
    )

    assert released == tuple(messages)
    assert (record.by, record.categories, record.spans) == ("approval", (PERSON,), 0)


async def test_a_release_that_does_not_exist_yet_says_so(vault: Vault) -> None:
    with pytest.raises(NotImplementedYet):
        await releases_with(vault).release(user("x"), REMOVED, provenance(), by="sketch")


class Broken:
    """Raises on every text."""

    name = "broken"
    kinds = frozenset({"person"})

    def detect(self, text: str) -> list[Span]:
        raise RuntimeError(text)


async def test_nothing_is_released_when_a_detector_fails(vault: Vault) -> None:
    with pytest.raises(DetectionFailed) as refused:
        await releases_with(vault, [*DETECTORS, Broken()]).release(
            user("Patient Anna Kowalska"), REMOVED, provenance()
        )

    assert "Anna" not in str(refused.value)
    assert vault.load(SessionId("s1")) == ()


class Growing:
    """Finds the character after every bracket: redacting always makes it find one more."""

    name = "growing"
    kinds = frozenset({"person"})

    def detect(self, text: str) -> list[Span]:
        end = text.rfind(">") + 1
        return [Span(end, end + 1, "person", PERSON)] if end < len(text) else []


async def test_a_text_that_resists_redaction_is_refused(vault: Vault) -> None:
    with pytest.raises(GateRefused):
        await releases_with(vault, [Growing()]).release(user("x" * 40), REMOVED, provenance())


class Exposing:
    """Sees a name only beside a placeholder."""

    name = "exposing"
    kinds = frozenset({"person"})

    def detect(self, text: str) -> list[Span]:
        start = text.find("> Brant")
        return [Span(start + 2, start + 7, "person", PERSON)] if start >= 0 else []


async def test_what_only_shows_after_redaction_is_redacted_too(vault: Vault) -> None:
    releases = releases_with(vault, [*DETECTORS, Exposing()])

    released, _ = await releases.release(user("mail anna@example.org Brant"), REMOVED, provenance())

    assert released[0].content == "mail <EMAIL_1> <PERSON_1>"


async def test_nothing_is_released_when_the_vault_cannot_keep_it(
    vault: Vault, tmp_path: Path
) -> None:
    releases = releases_with(vault)
    with closing(sqlite3.connect(tmp_path / "vault" / "vault.sqlite")) as raw:
        raw.execute("DROP TABLE entries")

    with pytest.raises(VaultLocked):
        await releases.release(user("Patient Anna Kowalska"), REMOVED, provenance())
    assert await releases.restore("<PERSON_1>", provenance()) == "<PERSON_1>"


async def test_a_failed_release_uses_up_no_placeholder(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases = releases_with(vault)
    await releases.release(user("Patient Jonas Berg"), REMOVED, provenance("r0"))

    def full(*_: object) -> None:
        raise VaultLocked("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(vault, "add", full)
        with pytest.raises(VaultLocked):
            await releases.release(user("Patient Anna Kowalska"), REMOVED, provenance("r1"))
    released, _ = await releases.release(user("Patient Wei Chen"), REMOVED, provenance("r2"))

    assert released[0].content == "Patient <PERSON_2>"
