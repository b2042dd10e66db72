"""The shapes of keys and tokens that their issuers publish: a prefix, an alphabet, a length.

A shape says alone that a string is a key. Lengths are the shortest in use, so that a longer
successor still fits. Whether a string *without* a known shape is a key is judged in ``secrets``.
"""

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["KEY_SHAPE", "wide_shapes"]

_UUID: Final = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_TABLE: Final = (
    # Clouds and hosting
    r"(?:AKIA|ASIA|AGPA|AIDA|AROA|ABIA|ACCA)[0-9A-Z]{16}\b|ABSK[A-Za-z0-9+/]{40,}",  # AWS
    rf"amzn\.mws\.{_UUID}",
    r"AIza[\w-]{35}|ya29\.[\w.-]{20,}|GOCSPX-[\w-]{20,}|1//0[\w-]{30,}",  # Google
    r"[\w~.-]{3}8Q~[\w~.-]{31,}",  # Microsoft Entra
    r"LTAI[A-Za-z0-9]{16,24}\b|AKID[A-Za-z0-9]{32}\b|AQVN[\w-]{30,}",  # Alibaba, Tencent, Yandex
    r"do[opr]_v1_[0-9a-f]{40,}|HRKU-[\w-]{30,}|nfp_[A-Za-z0-9]{30,}|f[mo]\d_[\w+/=-]{40,}",
    r"sbp_[0-9a-f]{40}|sb_secret_[\w-]{20,}|pscale_(?:tkn|pw|oauth)_[\w=.-]{30,}|napi_[a-z0-9]{40,}",
    r"dapi[0-9a-f]{32}|hv[sbr]\.[\w-]{20,}|[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,}",
    r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,}|pul-[0-9a-f]{40}|tskey-[a-z]+-[\w-]{15,}",
    # Code hosts, builds, registries
    r"gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{22,255}|gl(?:pat|dt|rt|cbt|ptt|ft|imt|soat)-[\w-]{20,}",
    r"AT(?:ATT3|CTT3|BB)[\w=-]{20,}",  # Atlassian
    r"sq[apu]_[0-9a-f]{40}|rnd_[A-Za-z0-9]{24,}|u\+[\w-]{18}\b|[A-Za-z0-9]{10}msh[0-9a-f]{15}p1[0-9a-z]{6,}jsn\w{6,}",
    r"sl\.[\w-]{100,}|pk_\d{6,10}_[A-Z0-9]{24,}|(?:IQoJb3JpZ2lu|FwoGZXIvYXdz)[\w+/=]{60,}",
    r"[KL5][1-9A-HJ-NP-Za-km-z]{50,51}(?![A-Za-z0-9])|[xyz]prv[1-9A-HJ-NP-Za-km-z]{80,}",  # wallets
    r"bk(?:ua|aj)_[0-9a-f]{40}|CCIPAT_\w{20,}|API-[A-Z0-9]{25,}\b",
    r"npm_[A-Za-z0-9]{30,}|pypi-[\w-]{16,}|rubygems_[0-9a-f]{48}|cio[A-Za-z0-9]{32}\b",
    r"dckr_[a-z]{3}_[\w-]{20,}|oy2[a-z0-9]{43}\b|AKCp[A-Za-z0-9]{60,}|CLOJARS_[0-9a-z]{60}",
    # Models
    r"sk-(?:ant-|proj-|svcacct-|admin-|or-v1-)?[\w-]{20,}|gsk_[A-Za-z0-9]{30,}|pplx-[A-Za-z0-9]{30,}",
    r"(?:hf|api_org)_[A-Za-z0-9]{30,}|r8_[A-Za-z0-9]{30,}|xai-[A-Za-z0-9]{40,}|nvapi-[\w-]{40,}",
    r"fw_[A-Za-z0-9]{20,}|tgp_v1_[\w-]{30,}|lsv2_[a-z]{2}_[0-9a-f]{32}_[0-9a-f]{10}|tvly-[\w-]{20,}",
    r"llx-[A-Za-z0-9]{30,}|pcsk_\w{30,}|e2b_[0-9a-f]{30,}",
    # Chat and mail
    r"xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}",  # Slack
    r"[MNO][A-Za-z0-9_-]{23,25}\.[\w-]{6}\.[\w-]{27,38}",  # Discord
    r"SG\.[\w-]{16,}\.[\w-]{16,}|key-[0-9a-f]{32}\b|[0-9a-f]{32}-us\d{1,2}\b",
    r"x(?:keysib|smtpsib)-[0-9a-f]{64}-[A-Za-z0-9]{16}|re_[A-Za-z0-9]{8,}_[A-Za-z0-9]{16,}",
    r"(?:AC|SK)[0-9a-f]{32}\b",  # Twilio
    # Payment
    r"(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,}|sk_[0-9a-f]{48}",
    r"sq0(?:atp|csp|idp)-[\w-]{22,}|EAAA[\w-]{56,}|rzp_(?:live|test)_[A-Za-z0-9]{14}",
    rf"access-(?:sandbox|development|production)-{_UUID}|FLWSECK(?:_TEST)?-[0-9a-zA-Z]{{12,}}-X",
    r"(?:live|test)_[A-Za-z0-9]{30,}|pdl_[a-z]+_[\w-]{30,}|shippo_(?:live|test)_[0-9a-f]{40}",
    r"EZ[AT]K[A-Za-z0-9]{54}|duffel_(?:test|live)_[\w-]{40,}",
    # Shops, documents, watching
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|lin_api_[A-Za-z0-9]{32,}|secret_[A-Za-z0-9]{40,}",
    r"ntn_[A-Za-z0-9]{40,}|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}|figd_[\w-]{30,}|CFPAT-[\w-]{40,}",
    rf"PMAK-[0-9a-f]{{24}}-[0-9a-f]{{34}}|pat-[a-z]{{2}}\d-{_UUID}|tfp_[\w.-]{{40,}}",
    r"gl(?:c_[A-Za-z0-9+/=]{32,}|sa_[A-Za-z0-9]{32}_[0-9a-f]{8})|NR(?:AK|II|JS)-[A-Za-z0-9]{20,}",
    r"sntr[a-z]{1,2}_[\w=+/.-]{40,}|dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}|pnu_[A-Za-z0-9]{36}",
    r"[ps]k\.eyJ[\w-]{40,}\.[\w-]{20,}|EAA[A-Za-z0-9]{80,}|ops_eyJ[\w-]{40,}",
    # Standards
    r"eyJ[\w-]{8,1000}\.eyJ[\w-]{8,1000}|eyJ[\w-]{8,1000}\.\.?[\w-]{8,}",  # JSON Web Tokens
    r"AGE-SECRET-KEY-1[0-9A-Z]{50,}",
)
KEY_SHAPE: Final = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_TABLE)})")
"""A key by its shape, within one run of ``[A-Za-z0-9_+/=.~-]``."""

_HASH: Final = r"[./A-Za-z0-9]"
_WIDE: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    # A text that must be there, and the shape around it; these hold signs that no key does.
    (
        ":AA",  # Telegram
        re.compile(
            r"https://api\.telegram\.org/(?:file/)?bot\d{8,10}:AA[\w-]{33}(?:/\w{1,40})?"
            r"|(?<![A-Za-z0-9])\d{8,10}:AA[\w-]{33}"
        ),
    ),
    (":APA91", re.compile(r"(?<![\w-])[\w-]{10,12}:APA91[\w-]{60,}")),  # Firebase
    ("hooks.slack.com/", re.compile(r"https://hooks\.slack\.com/[\w/-]{20,}")),
    (
        "/api/webhooks/",
        re.compile(r"https://[\w.]*discord(?:app)?\.com/api/webhooks/\d+/[\w-]{20,}"),
    ),
    ("webhook.office.com/", re.compile(r"https://[\w.-]*webhook\.office\.com/[\w@/-]{20,}")),
    ("$production$", re.compile(r"access_token\$production\$[0-9a-z]{12,}\$[0-9a-f]{32}")),
    ("$2", re.compile(rf"\$2[abxy]?\$\d\d\${_HASH}{{53}}")),  # bcrypt
    ("$argon2", re.compile(r"\$argon2(?:id|i|d)\$[\w=,$+/.-]{20,512}")),
    ("$6$", re.compile(rf"\$6\$(?:rounds=\d{{1,9}}\$)?{_HASH}{{1,16}}\${_HASH}{{86}}")),
    ("1$", re.compile(rf"\$(?:apr)?1\${_HASH}{{1,8}}\${_HASH}{{22}}")),
    ("$5$", re.compile(rf"\$5\$(?:rounds=\d{{1,9}}\$)?{_HASH}{{1,16}}\${_HASH}{{43}}")),
    ("$y$", re.compile(rf"\$y\${_HASH}{{1,8}}\${_HASH}{{1,86}}\${_HASH}{{43}}")),
    (
        "SHA",
        re.compile(
            r"(?<=SHA\})[A-Za-z0-9+/]{27,100}={0,2}|(?<=SHA(?:256|384"
            r"|512)\})[A-Za-z0-9+/]{40,140}={0,2}"
        ),
    ),
    ("pbkdf2", re.compile(r"pbkdf2_sha\d{1,3}\$\d{1,8}\$[\w+/.=-]{4,64}\$[\w+/=]{20,128}")),
    (".ingest.", re.compile(r"https://[0-9a-f]{32}@[\w.-]*sentry\.io/\d+")),
    (
        "hook",  # whoever has such an address may write there
        re.compile(
            r"https://(?:hooks\.[\w.-]{3,80}/"
            r"|[\w.-]{3,80}/(?:[\w.-]{1,40}/){0,4}?(?:web)?hooks?(?:b2)?/)"
            r"(?=[\w@/-]{0,120}\d)[\w@/-]{10,300}"
        ),
    ),
    ("/with/key/", re.compile(r"https://[\w.-]{3,80}/[\w/-]{1,120}/with/key/[\w-]{16,}")),
    (
        "chat.googleapis.com/",
        re.compile(r"https://chat\.googleapis\.com/v1/spaces/[\w%+/=?&-]{20,}"),
    ),
    ("token=", re.compile(r"(?<=[?&]token=)[\w%+/=-]{20,512}")),
    ("A" * 18, re.compile(r"(?<!\w)A{18,25}\w{20,200}%[\w%]{10,200}")),  # Twitter
    ("1/", re.compile(r"(?<!\w)[12]/\d{10,20}:[0-9a-f]{32}(?!\w)")),  # Asana
    ("sig=", re.compile(r"(?<=[?&]sig=)[\w%+/=-]{20,512}")),  # Azure shared access signatures
)


def wide_shapes(text: str) -> Iterator[tuple[int, int]]:
    """Yield where shapes stand that hold signs of their own, such as a colon or a dollar."""
    for literal, shape in _WIDE:
        if literal in text:
            yield from (match.span() for match in shape.finditer(text))
