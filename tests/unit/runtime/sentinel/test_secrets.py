"""Secrets at large: how many of a generated set leak, what is left alone, and how time grows."""

import time
from collections.abc import Iterable

import pytest

from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detector import Detector
from runtime.sentinel.detectors.network import UrlCredentialsDetector
from runtime.sentinel.detectors.passwords import PasswordDetector
from runtime.sentinel.detectors.secrets import ApiKeyDetector, PrivateKeyDetector
from runtime.sentinel.scan import Sentinel
from tests.unit.runtime.sentinel.secret_samples import (
    HELD_OUT_FRAMES,
    HELD_OUT_KEY_FRAMES,
    HELD_OUT_KEYS,
    KNOWN_FRAMES,
    KNOWN_KEY_FRAMES,
    KNOWN_KEYS,
    Sample,
    clean_texts,
    key_samples,
    password_samples,
)

DETECTORS: tuple[Detector, ...] = (
    PrivateKeyDetector(),
    UrlCredentialsDetector(),
    ApiKeyDetector(),
    PasswordDetector(),
)
JWK = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZ"
PUTTY = "PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 1\nAAAAgQC1x2==\n"
SSH2 = "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/5\n---- END SSH2 ENCRYPTED PRIVATE KEY ----"
SURVIVES = 4
"""Characters in a row that count as a leak, as in ``bench.privacy``."""


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for detector in DETECTORS for span in detector.detect(text)]


def leaks(sample: Sample) -> bool:
    covered = {
        at
        for detector in DETECTORS
        for span in detector.detect(sample.text)
        for at in range(span.start, span.end)
    }
    longest = run = 0
    for at in range(sample.start, sample.end):
        run = 0 if at in covered else run + 1
        longest = max(longest, run)
    return longest >= min(SURVIVES, sample.end - sample.start)


def leak_percent(samples: Iterable[Sample]) -> float:
    drawn = list(samples)
    return 100 * sum(map(leaks, drawn)) / len(drawn)


def test_keys_of_the_common_providers_do_not_leak() -> None:
    assert leak_percent(key_samples(11, KNOWN_KEYS, KNOWN_KEY_FRAMES)) < 1


def test_passwords_in_known_places_do_not_leak() -> None:
    assert leak_percent(password_samples(12, KNOWN_FRAMES, each=5)) < 2


def test_keys_of_formats_nobody_thought_of_seldom_leak() -> None:
    assert leak_percent(key_samples(13, HELD_OUT_KEYS, HELD_OUT_KEY_FRAMES, each=2)) < 4


def test_passwords_in_places_nobody_thought_of_seldom_leak() -> None:
    assert leak_percent(password_samples(14, HELD_OUT_FRAMES, each=6)) < 4


def test_digests_images_code_and_talk_of_passwords_are_left_alone() -> None:
    flagged = {text: found(text) for seed in range(5) for text in clean_texts(seed)}

    assert {text: values for text, values in flagged.items() if values} == {}


@pytest.mark.parametrize(
    "text",
    [
        "you get in with {} as usual",
        "Use {} when it prompts you.",
        "It keeps rejecting {} even though I typed it right",
        "creds for staging -> deploy / {}",
        "the unlock phrase {} no longer works on my phone",
        "the router's admin panel takes {}",
        "do not use {} for the root account again",
        "We all share {} for the till.",
        "Use {} to unlock the file.",
        "The vault opens with {}, as before.",
        "I typed {} into the terminal.",
        "guest network: Lobby, key {}",
        "zip -P {} kept.zip *.docx",
    ],
)
@pytest.mark.parametrize("value", ["Thund3r?1", "copper1250", "Tango_Winter49"])
def test_what_is_done_with_a_password_tells_it(text: str, value: str) -> None:
    assert value in found(text.format(value))


@pytest.mark.parametrize(
    "text",
    [
        "Log in to db-prod-07 as user1234 and open ticket ABC-1234.",
        "The admin panel runs on host12 with Windows11 and an RTX4090.",
        "It was first identified by clinical observation in 1987.",
        "When asked, the model3 answers in 250ms.",
        "The vpn client v4.10.07 works with Python3.12.",
        "svc_backup01 no longer works with the old one.",
        "Use two-step-login to unlock it, or sqlite3 to open it.",
        "He typed 2023-10-01 into the field; the network has key 802.11ac.",
        "Connect pin 10 to ground, then see error code 50123.",
    ],
)
def test_machines_users_and_versions_near_a_login_are_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("passphrase: correct horse battery staple", "correct horse battery staple"),
        ("seed phrase: " + "ember walnut " * 6, ("ember walnut " * 6).strip()),
        (PUTTY, "\nAAAAgQC1x2=="),
        (f'{{"kty": "OKP", "d": "{JWK}"}}', JWK),
        (SSH2, SSH2),
        ("-----BEGIN PRIVATE KEY-----\nMIIcut off", "-----BEGIN PRIVATE KEY-----\nMIIcut off"),
        ("Authorization: Basic Ym9iOmh1bnRlcjI=", "Ym9iOmh1bnRlcjI="),
        ("İ password = hunter22", "hunter22"),
        ("passwords: PIN: 4821", "4821"),
        ("The alarm PIN is 3833.", "3833"),
        ("Voicemail code 8808 still works.", "8808"),
        ("Use summer-tiger-velvet to unlock the PDF.", "summer-tiger-velvet"),
        ("I always take Copper2147& for it.", "Copper2147&"),
        ("session_id=4f9a0c7e2b8d4f9a0c7e2b8d4f9a0c7e", "4f9a0c7e2b8d4f9a0c7e2b8d4f9a0c7e"),
        ("password=a&user=b password=hunter22&user=b", "hunter22"),
    ],
)  # fmt: skip
def test_it_is_found_whole(text: str, value: str) -> None:
    assert value in found(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [
        "password ",
        "password: ",
        "--password x",
        'password = "',
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----",
        "curl -u a ",
        "aB3" * 400 + " ",
        "aB3/",
        "data:;base64,A",
        "Private-Lines: 1\nAAAA\n",
        "user a: ",
        "x:1:",
        "my login token as the key ",
        "eyJaaaaaaaa.",
    ],
)
def test_time_grows_with_the_length_and_no_faster(unit: str) -> None:
    def seconds(characters: int) -> float:
        text = (unit * (characters // len(unit) + 1))[:characters]
        best = float("inf")
        for _ in range(2):
            started = time.process_time()
            for detector in DETECTORS:
                detector.detect(text)
            best = min(best, time.process_time() - started)
        return best

    short, long = seconds(10_000), seconds(80_000)

    assert long < 8 * 2.5 * short + 0.05


def test_the_shipped_detectors_include_them() -> None:
    scan = Sentinel(default_detectors()).scan_now("Tried Harbour42! but it says wrong password")

    assert scan.label.names() == ("secret",)
