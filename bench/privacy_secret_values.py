"""Invented secrets of the kinds that people and issuers make, from a seeded generator.

Shapes are those that issuers publish or that tools print; no value opens anything. What stands
around them is in ``bench/data/secret_phrasings.txt``.
"""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["SLOTS", "UNMARKED", "Draw", "Slot"]

_ALNUM: Final = string.ascii_letters + string.digits
_BASE64: Final = _ALNUM + "+/"
_URLSAFE: Final = _ALNUM + "-_"
_BASE36: Final = string.ascii_lowercase + string.digits
_BASE32: Final = string.ascii_uppercase + "234567"
_BASE58: Final = "".join(sign for sign in _ALNUM if sign not in "0OIl")
_HEX: Final = "0123456789abcdef"
_UPPER: Final = string.ascii_uppercase + string.digits
_LISTS: Final = Path(__file__).parent / "data" / "secret_words.txt"
_SIGNS: Final = "!@#$%^&*_-+?"


@cache
def _words(section: str) -> tuple[str, ...]:
    """Return the words that people make passwords of, or some of those of wallets."""
    _, _, after = _LISTS.read_text(encoding="utf-8").partition(f"[{section}]\n")
    return tuple(after.partition("[")[0].split())


class Draw:
    """Invented secrets; the same seed gives the same."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - nothing is kept safe by these

    def of(self, alphabet: str, length: int) -> str:
        """Return so many characters, each drawn from an alphabet."""
        return "".join(self.random.choices(alphabet, k=length))

    def words(self, count: int) -> list[str]:
        """Return different words such as people make passwords of."""
        return self.random.sample(_words("people"), count)

    def uuid(self) -> str:
        """Return an identifier in its usual form."""
        return "-".join(self.of(_HEX, size) for size in (8, 4, 4, 4, 12))

    def base64(self, size: int) -> str:
        """Return so many random bytes in base64."""
        return base64.b64encode(self.random.randbytes(size)).decode()

    def password(self) -> str:
        """Return a password as people or generators make them."""
        word, other = self.words(2)
        number = self.random.choice((self.random.randint(1, 99), self.random.randint(1950, 2030)))
        sign = self.random.choice(_SIGNS)
        return self.random.choice(
            (
                f"{word.title()}{number}{sign}",
                f"{word}{number}",
                f"{word}{other}{number}",
                f"{word.title()}{other.title()}{number}",
                f"{word.title()}-{other.title()}-{number}",
                f"{word}_{other}{sign}{number}",
                word.replace("e", "3").replace("o", "0").replace("a", "@").title()
                + str(self.random.randint(1, 999)),
                f"{sign}{number}{word.title()}",
                self.of(_ALNUM, self.random.randint(8, 12)),
                self.of(_ALNUM, self.random.randint(12, 24)),
                self.of(_ALNUM + _SIGNS, self.random.randint(9, 20)),
                self.of(_BASE36, self.random.randint(8, 14)),
            )
        )

    def phrase(self) -> str:
        """Return some plain words."""
        words = self.words(self.random.randint(3, 5))
        return self.random.choice((" ", " ", "-", ".")).join(words)

    def jwt(self) -> str:
        """Return a JSON Web Token."""
        return f"eyJhbGciOiJIUzI1NiJ9.eyJ{self.of(_URLSAFE, 60)}.{self.of(_URLSAFE, 43)}"

    def basic(self) -> str:
        """Return user and password as basic authentication writes them."""
        return base64.b64encode(f"{self.words(1)[0]}:{self.password()}".encode()).decode()

    def armour(self, label: str, size: int) -> str:
        """Return a key between its BEGIN and END lines."""
        body = self.base64(size)
        lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
        return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----"

    def seed_words(self) -> list[str]:
        """Return a wallet's twelve or twenty-four words."""
        return self.random.sample(_words("seed"), self.random.choice((12, 12, 24)))

    def otp(self) -> str:
        """Return a code for one login, in its usual groupings."""
        digits = self.of(string.digits, self.random.choice((4, 6, 6, 6, 8)))
        half = len(digits) // 2
        apart = self.random.choice(("", "", "", " ", "-"))
        return digits[:half] + apart + digits[half:]


Maker = Callable[[Draw], str]
_ISSUED: Final[tuple[Maker, ...]] = (
    lambda d: "AIza" + d.of(_URLSAFE, 35),
    lambda d: "GOCSPX-" + d.of(_URLSAFE, 28),
    lambda d: d.of(_ALNUM, 3) + "8Q~" + d.of(_ALNUM + "_~.-", 34),
    lambda d: "gh" + d.of("pousr", 1) + "_" + d.of(_ALNUM, 36),
    lambda d: f"github_pat_{d.of(_ALNUM, 22)}_{d.of(_ALNUM, 59)}",
    lambda d: "glpat-" + d.of(_URLSAFE, 20),
    lambda d: "ATBB" + d.of(_ALNUM, 32),
    lambda d: "ATATT3xFfGF0" + d.of(_URLSAFE, 80),
    lambda d: (
        f"xox{d.of('bp', 1)}-{d.of('123456789', 12)}-{d.of('123456789', 12)}-{d.of(_ALNUM, 24)}"
    ),
    lambda d: f"xapp-1-A{d.of(_UPPER, 10)}-{d.of(string.digits, 13)}-{d.of(_HEX, 64)}",
    lambda d: d.random.choice(("sk", "rk")) + "_live_" + d.of(_ALNUM, 24),
    lambda d: "sk_test_51" + d.of(_ALNUM, 96),
    lambda d: "SK" + d.of(_HEX, 32),
    lambda d: f"SG.{d.of(_URLSAFE, 22)}.{d.of(_URLSAFE, 43)}",
    lambda d: "key-" + d.of(_HEX, 32),
    lambda d: d.of(_HEX, 32) + "-us" + str(d.random.randint(1, 21)),
    lambda d: "npm_" + d.of(_ALNUM, 36),
    lambda d: "pypi-AgEIcHlwaS5vcmc" + d.of(_URLSAFE, 140),
    lambda d: "sk-" + d.of(_ALNUM, 48),
    lambda d: f"sk-proj-{d.of(_URLSAFE, 74)}T3BlbkFJ{d.of(_URLSAFE, 74)}",
    lambda d: f"sk-ant-api03-{d.of(_URLSAFE, 93)}AA",
    lambda d: "hf_" + d.of(string.ascii_letters, 34),
    lambda d: "gsk_" + d.of(_ALNUM, 52),
    lambda d: "r8_" + d.of(_ALNUM, 37),
    lambda d: d.of("123456789", 10) + ":AA" + d.of(_URLSAFE, 33),
    lambda d: f"M{d.of(_ALNUM, 23)}.{d.of(_URLSAFE, 6)}.{d.of(_URLSAFE, 38)}",
    lambda d: "dapi" + d.of(_HEX, 32) + d.random.choice(("", "-2")),
    lambda d: "dop_v1_" + d.of(_HEX, 64),
    lambda d: "shpat_" + d.of(_HEX, 32),
    lambda d: "sl." + d.of(_URLSAFE, 135),
    lambda d: "NRAK-" + d.of(_UPPER, 27),
    lambda d: "lin_api_" + d.of(_ALNUM, 40),
    lambda d: "secret_" + d.of(_ALNUM, 43),
    lambda d: "figd_" + d.of(_URLSAFE, 40),
    lambda d: f"pat{d.of(_ALNUM, 14)}.{d.of(_HEX, 64)}",
    lambda d: f"1/{d.of('123456789', 16)}:{d.of(_HEX, 32)}",
    lambda d: "sq0atp-" + d.of(_URLSAFE, 22),
    lambda d: f"access_token$production${d.of(_BASE36, 16)}${d.of(_HEX, 32)}",
    lambda d: "sbp_" + d.of(_HEX, 40),
    lambda d: "nfp_" + d.of(_ALNUM, 36),
    lambda d: "rnd_" + d.of(_ALNUM, 28),
    lambda d: f"glsa_{d.of(_ALNUM, 32)}_{d.of(_HEX, 8)}",
    lambda d: "pul-" + d.of(_HEX, 40),
    lambda d: f"{d.of(_ALNUM, 14)}.atlasv1.{d.of(_ALNUM, 67)}",
    lambda d: "hvs." + d.of(_URLSAFE, 90),
    lambda d: "dp.st.prd." + d.of(_ALNUM, 40),
    lambda d: "squ_" + d.of(_HEX, 40),
    lambda d: "CCIPAT_" + d.of(_ALNUM, 22) + "_" + d.of(_HEX, 40),
    lambda d: "dckr_pat_" + d.of(_URLSAFE, 27),
    lambda d: f"PMAK-{d.of(_HEX, 24)}-{d.of(_HEX, 34)}",
    lambda d: f"sk.eyJ{d.of(_URLSAFE, 70)}.{d.of(_URLSAFE, 22)}",
    lambda d: "A" * 22 + d.of(_ALNUM, 60) + "%3D" + d.of(_ALNUM, 30),
    lambda d: "EAAB" + d.of(_ALNUM, 160),
    lambda d: "CFPAT-" + d.of(_URLSAFE, 43),
    lambda d: f"pcsk_{d.of(_ALNUM, 6)}_{d.of(_ALNUM, 60)}",
    lambda d: "pplx-" + d.of(_ALNUM, 48),
    lambda d: "xai-" + d.of(_ALNUM, 80),
    lambda d: f"lsv2_pt_{d.of(_HEX, 32)}_{d.of(_HEX, 10)}",
    lambda d: "AGE-SECRET-KEY-1" + d.of(_UPPER, 58),
    lambda d: f"tskey-auth-{d.of(_ALNUM, 17)}-{d.of(_ALNUM, 32)}",
    lambda d: "pscale_tkn_" + d.of(_URLSAFE, 43),
    lambda d: f"pat-na1-{d.uuid()}",
    lambda d: f"pk_{d.of('123456789', 8)}_{d.of(_UPPER, 32)}",
    lambda d: "fo1_" + d.of(_URLSAFE, 43),
    lambda d: "rubygems_" + d.of(_HEX, 48),
    lambda d: "u+" + d.of(_ALNUM + "_-", 18),
    lambda d: f"{d.of(_ALNUM, 10)}msh{d.of(_HEX, 15)}p1{d.of(_HEX, 6)}jsn{d.of(_HEX, 12)}",
)
"""Keys that their issuers mark as such, nearly all."""

UNMARKED: Final[tuple[tuple[str, str, Maker], ...]] = (
    ("Datadog", "DD_API_KEY", lambda d: d.of(_HEX, 32)),
    ("Datadog app", "DATADOG_APP_KEY", lambda d: d.of(_HEX, 40)),
    ("Twilio", "TWILIO_AUTH_TOKEN", lambda d: d.of(_HEX, 32)),
    ("Heroku", "HEROKU_API_KEY", Draw.uuid),
    ("Snyk", "SNYK_TOKEN", Draw.uuid),
    ("Cloudflare", "CLOUDFLARE_API_TOKEN", lambda d: d.of(_URLSAFE, 40)),
    ("Cloudflare global", "CF_API_KEY", lambda d: d.of(_HEX, 37)),
    ("Algolia", "ALGOLIA_ADMIN_KEY", lambda d: d.of(_HEX, 32)),
    ("Okta", "OKTA_API_TOKEN", lambda d: "00" + d.of(_URLSAFE, 40)),
    ("PagerDuty", "PAGERDUTY_TOKEN", lambda d: d.of(_ALNUM, 20)),
    ("Azure DevOps", "AZURE_DEVOPS_PAT", lambda d: d.of(_BASE36, 52)),
    ("Azure OpenAI", "AZURE_OPENAI_KEY", lambda d: d.of(_HEX, 32)),
    ("Cohere", "COHERE_API_KEY", lambda d: d.of(_ALNUM, 40)),
    ("Mistral", "MISTRAL_API_KEY", lambda d: d.of(_ALNUM, 32)),
    ("Together", "TOGETHER_API_KEY", lambda d: d.of(_HEX, 64)),
    ("Weights & Biases", "WANDB_API_KEY", lambda d: d.of(_HEX, 40)),
    ("Vercel", "VERCEL_TOKEN", lambda d: d.of(_ALNUM, 24)),
    ("Spotify", "SPOTIFY_CLIENT_SECRET", lambda d: d.of(_HEX, 32)),
    ("LinkedIn", "LINKEDIN_CLIENT_SECRET", lambda d: d.of(_ALNUM, 16)),
    ("PayPal", "PAYPAL_SECRET", lambda d: "E" + d.of(_URLSAFE, 79)),
    ("Plaid", "PLAID_SECRET", lambda d: d.of(_HEX, 30)),
    ("Elastic", "ELASTIC_API_KEY", lambda d: d.base64(45)),
    ("Binance", "BINANCE_SECRET", lambda d: d.of(_ALNUM, 64)),
    ("Infura", "INFURA_PROJECT_SECRET", lambda d: d.of(_HEX, 32)),
    ("Etherscan", "ETHERSCAN_KEY", lambda d: d.of(_UPPER, 34)),
    ("OpenWeather", "OPENWEATHER_APPID", lambda d: d.of(_HEX, 32)),
    ("Freshdesk", "FRESHDESK_API_KEY", lambda d: d.of(_ALNUM, 20)),
    ("Trello", "TRELLO_TOKEN", lambda d: d.of(_HEX, 64)),
    ("DeepL", "DEEPL_AUTH_KEY", lambda d: d.uuid() + ":fx"),
    ("Zendesk", "ZENDESK_TOKEN", lambda d: d.of(_ALNUM, 40)),
    ("Kraken", "KRAKEN_PRIVATE_KEY", lambda d: d.base64(64)),
    ("our internal billing", "BILLING_API_KEY", lambda d: d.of(_BASE36, 26)),
    ("Acme", "ACME_TOKEN", lambda d: "acme_" + d.of(_ALNUM, 22)),
)
"""Issuer, variable, and a key that nothing marks: only what stands around it tells."""


_WEBHOOKS: Final[tuple[Maker, ...]] = (
    lambda d: (
        f"https://hooks.slack.com/services/T{d.of(_UPPER, 8)}/B{d.of(_UPPER, 10)}"
        f"/{d.of(_ALNUM, 24)}"
    ),
    lambda d: f"https://discord.com/api/webhooks/{d.of('123456789', 18)}/{d.of(_URLSAFE, 68)}",
    lambda d: (
        f"https://acme.webhook.office.com/webhookb2/{d.uuid()}@{d.uuid()}"
        f"/IncomingWebhook/{d.of(_HEX, 32)}/{d.uuid()}"
    ),
    lambda d: f"https://hooks.zapier.com/hooks/catch/{d.of('123456789', 7)}/{d.of(_BASE36, 7)}/",
    lambda d: f"https://maker.ifttt.com/trigger/alarm/with/key/{d.of(_URLSAFE, 22)}",
    lambda d: (
        f"https://chat.googleapis.com/v1/spaces/{d.of(_ALNUM, 11)}/messages"
        f"?key=AIza{d.of(_URLSAFE, 35)}&token={d.of(_URLSAFE, 43)}"
    ),
    lambda d: (
        f"https://api.telegram.org/bot{d.of('123456789', 10)}:AA{d.of(_URLSAFE, 33)}/sendMessage"
    ),
)


def _licence(draw: Draw) -> str:
    return draw.random.choice(
        (
            "-".join(draw.of(_UPPER, 5) for _ in range(5)),
            "-".join(draw.of(_UPPER, 4) for _ in range(4)),
            "-".join(draw.of(_UPPER, 6) for _ in range(4)),
            draw.of(_UPPER, 10) + "-" + draw.of(_UPPER, 10),
            draw.of(_UPPER, 25),
        )
    )


_BACKUPS: Final[tuple[Maker, ...]] = (
    lambda d: f"{d.of(_HEX, 5)}-{d.of(_HEX, 5)}",
    lambda d: f"{d.of(string.digits, 4)} {d.of(string.digits, 4)}",
    lambda d: d.of(_BASE36, 10),
)


def _backup(draw: Draw) -> str:
    make = draw.random.choice(_BACKUPS)
    return "\n".join(make(draw) for _ in range(6))


def _numbered(draw: Draw) -> str:
    return "\n".join(f"{number}. {word}" for number, word in enumerate(draw.seed_words(), 1))


def _putty(draw: Draw) -> str:
    body = draw.base64(96)
    return f"{body[:64]}\n{body[64:]}"


class Slot(NamedTuple):
    """What stands for ``<<name>>`` in a phrasing."""

    kind: str
    """Of the annotation; empty for what is not looked for."""
    make: Maker


def _plain(kind: str, makers: Mapping[str, Maker]) -> dict[str, Slot]:
    return {name: Slot(kind, make) for name, make in makers.items()}


SLOTS: Final[Mapping[str, Slot]] = {
    **_plain(
        "password",
        {
            "pw": Draw.password,
            "phrase": Draw.phrase,
            "answer": lambda d: d.words(1)[0].title(),
            "b64pw": lambda d: base64.b64encode(d.password().encode()).decode(),
            "basic": Draw.basic,
            "symbols": lambda d: d.of(_ALNUM + "!@#%^&*()-_[]{}~;,.|", 64),
        },
    ),
    **_plain(
        "secret_hash",
        {
            "shadow": lambda d: f"$6${d.of(_ALNUM, 16)}${d.of(_ALNUM + './', 86)}",
            "apr1": lambda d: f"$apr1${d.of(_ALNUM, 8)}${d.of(_ALNUM + './', 22)}",
            "bcrypt": lambda d: "$2y$10$" + d.of(_ALNUM + "./", 53),
            "sha_b64": lambda d: d.base64(20),
            "ssha_b64": lambda d: d.base64(28),
            "md5pw": lambda d: d.of(_HEX, 32),
        },
    ),
    **_plain(
        "api_key",
        {
            "key": lambda d: d.random.choice(_ISSUED)(d),
            "aws_id": lambda d: "AKIA" + d.of(_BASE32, 16),
            "aws_secret": lambda d: d.of(_BASE64, 40),
            "aws_session": lambda d: "IQoJb3JpZ2luX2Vj" + d.of(_BASE64, 300) + "==",
            "azure_key": lambda d: d.base64(64),
            "azure_bus": lambda d: d.base64(32),
            "sas": lambda d: (
                d.base64(32).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
            ),
            "twilio_sid": lambda d: "AC" + d.of(_HEX, 32),
            "gcp": lambda d: "AIza" + d.of(_URLSAFE, 35),
            "jwt": Draw.jwt,
            "hex20": lambda d: d.of(_HEX, 20),
            "hex32": lambda d: d.of(_HEX, 32),
            "hex40": lambda d: d.of(_HEX, 40),
            "hex64": lambda d: d.of(_HEX, 64),
            "hex128": lambda d: d.of(_HEX, 128),
            "uuid": Draw.uuid,
            "alnum20": lambda d: d.of(_ALNUM, 20),
            "alnum32": lambda d: d.of(_ALNUM, 32),
            "b64_44": lambda d: d.base64(32),
            "b64key": lambda d: base64.b64encode(d.of(_ALNUM, 32).encode()).decode(),
            "b64long": lambda d: d.base64(150),
            "fernet": lambda d: d.base64(32).replace("+", "-").replace("/", "_"),
            "django": lambda d: d.of(_BASE36 + "!@#$%^&*(-_=+)", 50),
            "base32": lambda d: d.of(_BASE32, d.random.choice((16, 32))),
            "wif": lambda d: d.of("KL5", 1) + d.of(_BASE58, 51),
            "xprv": lambda d: "xprv9s21ZrQH143K" + d.of(_BASE58, 95),
        },
    ),
    **_plain(
        "session",
        {
            "alnum64": lambda d: d.of(_ALNUM, 64),
            "lower26": lambda d: d.of(_BASE36, 26),
            "lower32": lambda d: d.of(_BASE36, 32),
            "hexup32": lambda d: d.of("0123456789ABCDEF", 32),
        },
    ),
    **_plain(
        "private_key",
        {
            "pem": lambda d: d.armour("RSA PRIVATE KEY", 600),
            "pem_escaped": lambda d: d.armour("PRIVATE KEY", 600).replace("\n", "\\n"),
            "openssh": lambda d: d.armour("OPENSSH PRIVATE KEY", 250),
            "pgp": lambda d: d.armour("PGP PRIVATE KEY BLOCK", 400),
            "putty": _putty,
        },
    ),
    **_plain(
        "seed_phrase",
        {
            "seed": lambda d: " ".join(d.seed_words()),
            "seed_commas": lambda d: ", ".join(d.seed_words()),
            "seed_numbered": _numbered,
        },
    ),
    **_plain(
        "recovery_code",
        {
            "licence": _licence,
            "backup": _backup,
            "backup_one": lambda d: f"{d.of(_HEX, 5)}-{d.of(_HEX, 5)}",
            "bitlocker": lambda d: "-".join(d.of(string.digits, 6) for _ in range(8)),
            "filevault": lambda d: "-".join(d.of(_UPPER, 4) for _ in range(6)),
        },
    ),
    **_plain("webhook", {"webhook": lambda d: d.random.choice(_WEBHOOKS)(d)}),
    **_plain(
        "pin",
        {
            "pin": lambda d: d.of(string.digits, d.random.choice((4, 4, 4, 5, 6))),
            "puk": lambda d: d.of(string.digits, 8),
            "combo": lambda d: "-".join(str(d.random.randint(1, 60)) for _ in range(3)),
            "cvv": lambda d: d.of(string.digits, 3),
            "otp": Draw.otp,
            "otp6": lambda d: d.of(string.digits, 6),
        },
    ),
}
"""Every slot but those that come as a pair, ``vendor`` or ``env`` with ``opaque``."""
