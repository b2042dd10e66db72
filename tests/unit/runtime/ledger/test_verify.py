import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.errors import NotFound
from runtime.ledger.entry import Unsealed, hash_of_line, parse_line, seal_line
from runtime.ledger.keys import load_or_create_keys, public_bytes_of
from runtime.ledger.read import read_entries
from runtime.ledger.record import ContentPassage, KeyChanged, kind_of, record_to_fields
from runtime.ledger.verify import Anchor, verify_ledger
from runtime.ledger.writer import LedgerWriter

ENTRIES = 8
DAMAGE = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
async def ledger(tmp_path: Path, clock: object, passage: Callable[[str], ContentPassage]) -> Path:
    """A closed ledger of eight entries with one key change."""
    directory = tmp_path / "ledger"
    async with LedgerWriter.open(directory, clock=clock) as writer:  # type: ignore[arg-type]
        for number in range(3):
            await writer.append(passage(f"request-{number}"))
        await writer.change_key()
        for number in range(3, 6):
            await writer.append(passage(f"request-{number}"))
    return directory


def _segment(directory: Path) -> Path:
    return directory / "000000000000.jsonl"


def _is_damage_found(directory: Path, content: bytes, *, every_signature: bool = False) -> bool:
    copy = directory.parent / "copy"
    if not copy.exists():
        shutil.copytree(directory, copy)
    _segment(copy).write_bytes(content)
    report = verify_ledger(copy, every_signature=every_signature)
    return not report.is_intact


def test_a_closed_ledger_is_intact_and_counted(ledger: Path) -> None:
    report = verify_ledger(ledger, every_signature=True)

    assert report.is_intact
    assert report.entries == ENTRIES
    assert report.mac_checked
    assert report.head is not None
    assert report.head.position == ENTRIES - 1


@DAMAGE
@given(st.data())
def test_any_single_changed_byte_is_found(ledger: Path, data: st.DataObject) -> None:
    content = bytearray(_segment(ledger).read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))

    assert _is_damage_found(ledger, bytes(content))


def test_a_flipped_bit_of_the_last_line_is_found(ledger: Path) -> None:
    content = _segment(ledger).read_bytes()
    start = content[:-1].rindex(b"\n")
    start += (len(content) - 1 - start) % 3  # so that the last line end is among the places

    for place in range(start, len(content), 3):
        spoiled = bytearray(content)
        spoiled[place] ^= 1
        assert _is_damage_found(ledger, bytes(spoiled)), place


@DAMAGE
@given(st.permutations(range(ENTRIES)))
def test_any_other_order_is_found(ledger: Path, order: list[int]) -> None:
    lines = _segment(ledger).read_bytes().splitlines(keepends=True)

    changed = b"".join(lines[index] for index in order)

    assert _is_damage_found(ledger, changed) is (order != list(range(ENTRIES)))


@DAMAGE
@given(st.sets(st.integers(0, ENTRIES - 2), min_size=1))
def test_any_inner_drop_is_found(ledger: Path, dropped: set[int]) -> None:
    lines = _segment(ledger).read_bytes().splitlines(keepends=True)

    changed = b"".join(line for index, line in enumerate(lines) if index not in dropped)

    assert _is_damage_found(ledger, changed)


@DAMAGE
@given(st.integers(0, ENTRIES - 1), st.integers(0, ENTRIES))
def test_any_repeated_line_is_found(ledger: Path, copied: int, place: int) -> None:
    lines = _segment(ledger).read_bytes().splitlines(keepends=True)

    lines.insert(place, lines[copied])

    assert _is_damage_found(ledger, b"".join(lines))


@DAMAGE
@given(st.integers(0, ENTRIES - 1))
def test_a_shortened_ledger_is_found_with_an_anchor(ledger: Path, kept: int) -> None:
    head = verify_ledger(ledger).head
    assert head is not None
    lines = _segment(ledger).read_bytes().splitlines(keepends=True)
    copy = ledger.parent / "copy"
    shutil.copytree(ledger, copy, dirs_exist_ok=True)
    _segment(copy).write_bytes(b"".join(lines[:kept]))

    report = verify_ledger(copy, anchor=Anchor(head.position, head.mac))

    assert not report.is_intact
    assert "which others have seen" in report.problems[-1].reason


def test_the_right_anchor_fits_and_another_does_not(ledger: Path) -> None:
    entry = list(read_entries(ledger))[3]

    assert verify_ledger(ledger, anchor=Anchor(3, entry.mac)).is_intact
    report = verify_ledger(ledger, anchor=Anchor(3, bytes(32)))
    assert [problem.position for problem in report.problems] == [3]


def test_an_edit_with_a_fresh_hash_is_traced_to_its_entry(ledger: Path) -> None:
    lines = _segment(ledger).read_bytes().splitlines()
    lines[2] = _resealed(ledger, lines[2], request="request-9", with_key=False)
    _segment(ledger).write_bytes(b"\n".join([*lines, b""]))

    report = verify_ledger(ledger)

    assert report.problems[0].position == 2
    assert "signature does not fit" in report.problems[0].reason


def test_a_rewritten_tail_without_the_key_is_found(ledger: Path) -> None:
    """An attacker who can write the file and knows the format, but not the signing key."""
    lines = _segment(ledger).read_bytes().splitlines()
    for index in range(5, ENTRIES):
        lines[index] = _resealed(
            ledger, lines[index], previous=hash_of_line(lines[index - 1]), with_key=False
        )
    _segment(ledger).write_bytes(b"\n".join([*lines, b""]))

    assert not verify_ledger(ledger).is_intact
    assert not verify_ledger(ledger, every_signature=True).is_intact


def test_a_ledger_rewritten_with_the_stolen_key_does_not_fit_the_anchor(ledger: Path) -> None:
    head = verify_ledger(ledger).head
    assert head is not None
    lines = _segment(ledger).read_bytes().splitlines()
    lines[-1] = _resealed(ledger, lines[-1], request="request-9", with_key=True)
    _segment(ledger).write_bytes(b"\n".join([*lines, b""]))

    assert verify_ledger(ledger).is_intact
    assert not verify_ledger(ledger, anchor=Anchor(head.position, head.mac)).is_intact


def test_a_swapped_public_key_does_not_help(ledger: Path, tmp_path: Path) -> None:
    load_or_create_keys(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "ledger-public.pem", ledger / "ledger-public.pem")

    assert not verify_ledger(ledger).is_intact


def test_dropped_entries_are_named(ledger: Path) -> None:
    lines = _segment(ledger).read_bytes().splitlines(keepends=True)
    _segment(ledger).write_bytes(b"".join(lines[:2] + lines[4:]))

    (problem,) = verify_ledger(ledger).problems

    assert problem.reason == "entries 2 to 3 are missing"
    assert problem.line == 3


def test_a_mac_of_another_secret_is_found_by_whoever_has_the_secret(ledger: Path) -> None:
    lines = _segment(ledger).read_bytes().splitlines()
    lines[-1] = _resealed(ledger, lines[-1], with_key=True, with_secret=False)
    _segment(ledger).write_bytes(b"\n".join([*lines, b""]))

    (problem,) = verify_ledger(ledger).problems

    assert problem.position == ENTRIES - 1
    assert "MAC" in problem.reason


def test_a_key_that_only_its_owner_vouches_for_signs_nothing(ledger: Path) -> None:
    """A forged key change, and an entry signed with the key that it announces."""
    lines = _segment(ledger).read_bytes().splitlines()
    forger = load_or_create_keys(ledger.parent / "forger")
    public = forger.signing_key(forger.first_key_id).public_key()
    change = KeyChanged(key_id=forger.first_key_id, public_key=public_bytes_of(public))
    end = parse_line(lines[-1])
    for record in (change, end.record):
        line, _ = seal_line(
            Unsealed(
                position=len(lines),
                kind=kind_of(record),
                at=end.at,
                previous=hash_of_line(lines[-1]),
                key_id=forger.first_key_id,
                fields=record_to_fields(record),
            ),
            signing_key=forger.signing_key(forger.first_key_id),
            mac_key=load_or_create_keys(ledger).secret.mac_key,
        )
        lines.append(line)
    _segment(ledger).write_bytes(b"\n".join([*lines, b""]))

    problems = verify_ledger(ledger, every_signature=True).problems

    assert [problem.position for problem in problems] == [ENTRIES, ENTRIES + 1]


def test_a_missing_segment_is_found(tmp_path: Path, ledger: Path, clock: object) -> None:
    (ledger / "000000000003.jsonl").write_bytes(
        b"".join(_segment(ledger).read_bytes().splitlines(keepends=True)[3:])
    )
    _segment(ledger).unlink()

    report = verify_ledger(ledger)

    assert "entry 0 should begin this file, and 3 does" in report.problems[0].reason


def test_the_check_needs_no_secret(ledger: Path) -> None:
    (ledger / "ledger-secret.key").unlink()

    report = verify_ledger(ledger)

    assert report.is_intact
    assert not report.mac_checked


def test_a_directory_without_a_ledger_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        verify_ledger(tmp_path)


@DAMAGE
@given(st.binary(max_size=300))
def test_hostile_bytes_are_problems_and_never_crashes(ledger: Path, junk: bytes) -> None:
    content = _segment(ledger).read_bytes()

    assert _is_damage_found(ledger, content[:700] + junk + b"\n" + content[700:])


def _resealed(
    directory: Path,
    line: bytes,
    *,
    request: str = "",
    previous: bytes = b"",
    with_key: bool,
    with_secret: bool = True,
) -> bytes:
    entry = parse_line(line)
    fields = record_to_fields(entry.record)
    if request:
        fields["request"] = request
    keys = load_or_create_keys(directory)
    forger = load_or_create_keys(directory.parent / "forger")
    signing_key = (
        keys.signing_key(entry.key_id) if with_key else forger.signing_key(forger.first_key_id)
    )
    sealed, _ = seal_line(
        Unsealed(
            position=entry.position,
            kind=entry.kind,
            at=entry.at,
            previous=previous or entry.previous,
            key_id=entry.key_id,
            fields=fields,
        ),
        signing_key=signing_key,
        mac_key=(keys if with_secret else forger).secret.mac_key,
    )
    return sealed
