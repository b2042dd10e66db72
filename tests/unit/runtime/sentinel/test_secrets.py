"""Secrets at large: how many of a generated set leak, what is left alone, and how time grows."""

import time
from collections.abc import Iterable

import pytest

from bench.privacy_secrets import phrased
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detector import Detector
from runtime.sentinel.detectors.codes import CodeDetector
from runtime.sentinel.detectors.network import UrlCredentialsDetector
from runtime.sentinel.detectors.passwords import PasswordDetector
from runtime.sentinel.detectors.secrets import ApiKeyDetector, PrivateKeyDetector
from runtime.sentinel.detectors.seed_phrases import SeedPhraseDetector
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
    CodeDetector(),
    SeedPhraseDetector(),
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


def test_secrets_in_the_phrasings_that_were_looked_at_seldom_leak() -> None:
    drawn = [
        Sample(item.text, start, end, item.phrasing)
        for item in phrased("seen", each=1, seed=15)
        for start, end, _ in item.marks
    ]

    assert leak_percent(drawn) < 4


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
        ("moje hasło to @26Dragon, czy jest bezpieczne?", "@26Dragon"),
        ("la password invece è Mustang19", "Mustang19"),
        ("密码是Welcome65", "Welcome65"),
        ("비밀번호는 Welcome65 입니다", "Welcome65"),
        ("disk unlock phrase = tiger mustang cookie", "tiger mustang cookie"),
        ("encryption passphrase: warsaw.football.bailey", "warsaw.football.bailey"),
        ('The passphrase for my key is "london orchid dragon".', "london orchid dragon"),
        ("its passphrase is london orchid dragon to open it", "london orchid dragon"),
        ("voicemail password 4821", "4821"),
        ("Is '&2024Paris' a good password?", "&2024Paris"),
        ("Security question: What was your first pet? Answer: Biscuit", "Biscuit"),
        ("WIFI:T:WPA;S:HomeNet;P:blue;;", "blue"),
        ("I used root/Meadow12 there", "Meadow12"),
        ("openssl enc -aes-256-cbc -k blue -in a", "blue"),
        ("rar a -hpblue out.rar dir", "blue"),
        ("smbclient //server/share -U bob%blue", "blue"),
        ("xfreerdp /u:bob /p:blue /v:host", "blue"),
        ("jdbc:oracle:thin:app/bl@ue@db1:1521:orcl", "bl@ue"),
        ("snmpwalk -v2c -c blue switch1", "blue"),
        ("lftp -u bob,blue ftp.example.com", "blue"),
        ("jwt.sign(payload, 'blue', { expiresIn: '1h' });", "blue"),
        ("cy.get('input[name=password]').type('blue')", "blue"),
        ('variable "db_password" {\n  default = "blue"\n}', "blue"),
        ("<Key>ApiToken</Key>\n<Value>blue42</Value>", "blue42"),
        ('"auth": "dmlvbGV0OkhAUmIwVXIzNzI="', "dmlvbGV0OkhAUmIwVXIzNzI="),
        ("PHPSESSID=z01rns4y9nuheoyacv4zemd57j", "z01rns4y9nuheoyacv4zemd57j"),
        ("bob:$apr1$abcdefgh$" + "a1B2c3D4e5F" * 2, "$apr1$abcdefgh$" + "a1B2c3D4e5F" * 2),
        ("Twilio: " + "4f9a0c7e" * 4, "4f9a0c7e" * 4),
        ("Client(sid, '" + "4f9a0c7e" * 4 + "')  # auth token", "4f9a0c7e" * 4),
        ("token: 9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"),
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
        "pin ",
        "unlock code 12 ",
        "tiger ",
        "user,password\n",
        "user,password\nx\n",
        "1. a 2. b ",
        "https://hooks.a/",
        "security answer ",
        "backup codes: ab1cd ",
        "ABCDE-",
        "password</a><b>",
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
