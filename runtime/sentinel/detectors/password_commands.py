"""Secrets that command lines, statements and small file formats carry without a word for them.

``mysql -psecret``, ``curl -u user:secret``, ``IDENTIFIED BY 'secret'``, ``.pgpass``, basic
authentication, pairs such as ``login: bob / secret``, and "use secret as the password".
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from runtime.sentinel.detectors.password_neighbours import looks_drawn, looks_named
from runtime.sentinel.detectors.stems import matches_at

__all__ = ["command_passwords"]


class _Form(NamedTuple):
    literals: tuple[str, ...]
    """Texts in lower case of which one must be there: a quick look before the slow one."""
    pattern: re.Pattern[str]
    """In any case; the value is group ``a`` (in double quotes), ``b`` (in single ones) or ``c``, or
    ``d`` where it has to look drawn, too."""
    also: tuple[str, ...] = ("",)
    """Of these one must be there, too."""
    begins: bool = False
    """Whether each match begins with one of the literals, so that it is tried there alone."""


def _form(literals: str, *parts: str, also: str = "", begins: bool = False) -> _Form:
    pattern = re.compile("".join(parts), re.IGNORECASE)
    return _Form(tuple(literals.split("|")), pattern, tuple(also.split("|")), begins)


_QUOTED: Final = r"\"(?P<a>[^\"\n]{3,200})\"|'(?P<b>[^'\n]{3,200})'"
_VALUE: Final = rf"(?:{_QUOTED}|(?P<c>(?![$<{{(/-])[^\s\"'|<>]{{3,200}}))"
_MARKED: Final = r"(?=[^\s]{0,40}(?:[\d!@#$%^&*?]|(?-i:[a-z][A-Z])))"
"""A digit, a sign, or a capital within: what tells a password from a word."""
_DRAWN: Final = r"[`\"']?(?P<d>[^\s\"'`<>()/\\]{6,64}?)(?=[`\"'.,;!?)]{0,2}(?:\s|\Z))[`\"']?"
"""What has to look drawn at random, or be some words with hyphens between them."""
_PLAIN: Final = (
    r"[`\"']?(?P<c>(?!(?:an?|the|it|this|that|these|those|my|your|his|her|our|their|its"
    r"|some(?:thing)?|any"
    r"|one|no|only|long|strong|weak|unique|different|new|old|password|passcode|pin|face|touch"
    r"|bytes|unicode|fingerprints?|biometrics?|windows|fido\w*|passkeys?|keys?|cards?|words"
    r"|symbols|numbers|letters)\b)"
    r"[^\s\"'`<>()]{4,40}?(?: [a-z]{3,12}){0,3}?)[`\"']?"
)
"""Any word, or a few: only behind words that leave no doubt."""
_PHRASE: Final = re.compile(r"[a-z]{4,12}(?:-[a-z]{4,12}){2,5}")
_NAMES: Final = (
    r"(?:[\w-]{1,20} ){0,2}?(?:pass(?:word|code|phrase)?|pwd?|pin|login|key|token|secret)\b"
)
_FORMS: Final = (
    # Command lines
    _form("mysql|mariadb", rf"\b(?:mysql|mariadb)[\w-]{{0,12}}[^\n|]{{0,120}}? -p{_VALUE}"),
    _form(
        "sshpass|docker|podman|helm|zip|unzip|7z|az login|smbclient|mosquitto",
        r"\b(?:sshpass|(?:docker|podman|helm)[^\n|]{0,40} login|(?:un)?zip|7z|az login|smbclient",
        rf"|mosquitto_\w{{3}})\b[^\n|]{{0,160}}? -p[ =]?{_VALUE}",
        begins=True,
    ),
    _form(
        "pass|pwd|secret|token|key",
        r"(?<!\S)--?[a-z-]{0,20}(?:pass|pwd|secret|token|api-?key)(?:word|wd|phrase|code)?",
        rf"(?:-value)?[ =]{_VALUE}",
    ),
    _form("openssl", rf"\bopenssl\b[^\n|]{{0,160}}? -(?:k|pass(?:in|out)?)[ =](?:pass:)?{_VALUE}"),
    _form("rar", rf"\bu?n?rar\b[^\n|]{{0,80}}? -h?p{_VALUE}"),
    _form("snmp", rf"\bsnmp\w+\b[^\n|]{{0,120}}? -[cax] {_VALUE}"),
    _form(
        "sqlcmd|bcp|osql|isql|cqlsh|rdesktop|ipmitool|winexe|psexec|vncviewer|evil-winrm"
        "|crackmapexec",
        r"\b(?:sqlcmd|bcp|osql|isql|cqlsh|rdesktop|ipmitool|winexe|psexec|vncviewer|evil-winrm"
        r"|crackmapexec)\b",
        rf"[^\n|]{{0,160}}? -p[ =]?{_VALUE}",
    ),
    _form("security ", rf"\bsecurity add-\S{{1,40}} [^\n|]{{0,160}}? -w {_VALUE}"),
    _form("/p", rf"(?<!\S)/(?:p|pw|pass|password|rp):{_VALUE}"),
    _form("/user:", rf"\bnet use [^\n|]{{0,80}}?/user:\S{{1,60}} {_VALUE}"),
    _form("<<<", rf"<<< ?{_VALUE}"),
    _form(
        "sqlplus|sqlldr|expdp|impdp|rman|thin:",
        r"(?:\b(?:sqlplus|sqlldr|expdp|impdp|rman target) [\"']?"
        r"|thin:)[\w$#]{1,30}/(?P<c>[^\s\"']{3,100})(?=@)",
    ),
    _form("%", r"(?<!\S)(?:-u|--user(?:name)?)[ =]?[\w.\\@-]{1,40}%(?P<c>[^\s\"']{3,200})"),
    _form("lftp", r"\blftp\b[^\n|]{0,80}? -u [\w.@-]{1,40},(?P<c>[^\s\"']{3,200})"),
    _form("htpasswd", rf"\bhtpasswd (?:-\w+ )+\S{{1,80}} \S{{1,40}} {_VALUE}"),
    _form("redis-cli", rf"\bredis-cli\b[^\n|]{{0,120}}? -a {_VALUE}"),
    _form("ldap", rf"\bldap(?:search|modify|add|whoami)\b[^\n|]{{0,200}}? -w {_VALUE}"),
    _form(" -p", rf"(?<!\S)-u ?\S{{1,64}} -p[ =]?{_VALUE}"),
    _form(
        "curl|http|wget",
        r"\b(?:curl|https?|wget)\b[^\n|]{0,300}? (?:-u|-a|--user|--auth|--proxy-user)[ =]",
        r"(?:\"[^\":\n]{1,80}:(?P<a>[^\"\n]{3,200})\"|'[^':\n]{1,80}:(?P<b>[^'\n]{3,200})'",
        r"|[^\s\"':]{1,80}:(?P<c>(?!\$)[^\s\"']{3,200}))",
        begins=True,
    ),
    _form(
        "net use|wpa_passphrase|change_password|add_user|snmp-server",
        r"\b(?:net use \S{1,40} \S{1,80}|net user \S{1,40}|wpa_passphrase \S{1,40}",
        r"|snmp-server community",
        rf"|(?:change_password|add_user) \S{{1,40}}) {_VALUE}",
    ),
    _form(
        "sudo -s|--password-stdin|passwd",
        rf"\becho (?:-n )?{_VALUE}[^\n|]{{0,20}}\| ?",
        r"(?:sudo -S|passwd|[^\n|]{1,80}--password-stdin)",
    ),
    _form(
        "chpasswd",
        r"\becho [\"']?[\w.-]{1,40}:(?P<c>[^\s\"']{3,200})[\"']? ?\| ?(?:sudo )?chpasswd",
    ),
    # Statements and settings
    _form("requirepass|masterauth|psk", rf"\b(?:requirepass|masterauth|psk ?=) ?{_VALUE}"),
    _form("secret |password ", r"\b(?:secret|password) [0579] (?P<c>\S{4,100})"),
    _form(
        "identified ",
        rf"\bidentified (?:with \w{{1,40}} )?(?:by|as) (?:{_QUOTED}",
        rf"|(?P<c>{_MARKED}[^\s\"'|<>$]{{4,200}}))",
    ),
    _form("securestring", rf"\bconvertto-securestring (?:-string )?{_VALUE}"),
    _form("login ", rf"\blogin \S{{1,80}}\s{{1,4}}password {_VALUE}"),
    _form(
        "auth|login|credential",
        r"(?:auth|login|credentials?)\w{0,8}(?: ?[(=]{1,2}| ) ?\(?[\"'][^\"'\n]{1,80}[\"'] ?, ?",
        rf"(?:{_QUOTED})",
    ),
    _form(
        "basic ",
        r"authorization[\"']?[\s:=,]{1,4}[\"'`]?basic (?P<c>[A-Za-z0-9+/]{8,512}={0,2})",
    ),
    _form(":", r"(?m:^)[\w.*-]{1,120}:(?:\d{1,5}|\*):[\w*-]{1,64}:[\w*.-]{1,64}:(?P<c>\S{3,200})$"),
    _form(
        "jwt|jws", rf"\bj[ws][ts]\.(?:sign|encode|verify|decode)\([^,\n]{{1,60}}, ?(?:{_QUOTED})"
    ),
    _form("wifi:", r"\bwifi:[^\n]{0,80}?;p:(?P<c>[^;\s]{3,64})"),
    # Prose
    _form(
        "maiden name|secret answer|security answer|security question|secret question",
        r"\b(?:maiden name\b[^\n:]{0,60}?:|(?:secret|security) (?:answer"
        r"|question)s?\b[^\n:]{0,60}?",
        r"(?:: what[^\n?]{0,80}\?\s{1,2}answer)?(?: is|:| was)) ?[\"'`]?(?!what\b|which\b|who\b"
        r"|in\b)",
        r"(?P<c>[^\W\d_][\w'-]{2,30}(?: [A-Z][\w'-]{1,20})?)",
        begins=True,
    ),
    _form(
        "admin|root|postgres|guest|sa/",
        rf"(?<![\w/.:-])(?:admin|administrator|root|postgres|guest|sa) ?[/:] ?{_DRAWN}",
    ),
    _form(
        "wifi|wi-fi|wlan|ssid|network",
        rf"\b(?:wi-?fi|wlan|ssid|network)\b[^\n/]{{0,32}} / {_DRAWN}",
    ),
    _form(
        "phrase|words",
        r"\b(?:open|unlock|decrypt|protect)\w{0,3}(?: it| this| them)? (?:with|by|using)(?: the"
        r"| my)? ",
        r"(?:phrase|words?):? [\"'`]?(?P<c>[a-z]{3,12}(?:[ .-][a-z]{3,12}){2,23})",
    ),
    _form(
        "log|credential|creds|user|account|access|sign in",
        r"\b(?:log ?(?:in|ins)|sign in|credentials?|creds|user(?:name)?|account|access)",
        r"(?:[/ +&-]{1,3}(?:pass(?:word)?|pw|pwd))?(?: (?:are|is|with|as|for [\w .-]{1,30}?))?",
        r"[ \t]{0,2}[:=]?[ \t]{1,2}[\w.@+-]{2,64}",
        r"(?: ?[/|:] ?|,? (?:and )?(?:the )?(?:pw|pass(?:word)?|pwd)[:= ] ?| and )",
        rf"(?P<c>{_MARKED}[^\s\"'<>/]{{5,64}})",
        begins=True,
    ),
    _form(
        " as | for ",
        rf"(?<!\S)[`\"']?(?P<c>{_MARKED}[^\s\"'`<>()]{{6,64}})[`\"']?(?: \w{{1,20}}){{0,3}}?",
        rf" (?:as|for) (?:the|your|a|my|an?|his|her) {_NAMES}",
        also="pass|pw|pin|login|key|token|secret",
    ),
    _form(
        " to ",
        rf"\b(?:us(?:e|ing)|try|enter) {_DRAWN}",
        r" to (?:unlock|decrypt|open|log|sign|get in|unzip|connect)\b",
        also="unlock|decrypt|open|log|sign|get in|unzip|connect",
    ),
    _form(
        "open|unlock|decrypt",
        r"\b(?:open|unlock|decrypt)(?:s|ed)?(?: it| this| them)? (?:with|by|using)",
        rf"(?: the)?(?: phrase| words?)?:? {_DRAWN}",
        begins=True,
    ),
    _form(  # a word, digits and a sign that no sentence ends with
        "#|$|&|@|^",
        r"(?<![\w/&?=.:@-])(?P<d>[a-z]{4,16}\d{2,6}[#$&@^]{1,3})(?=[.,;:)\"']{0,2}(?:\s|\Z))",
    ),
    _form(
        "ask|prompt|want",
        rf"\b(?:type|enter|use|try|put in) {_PLAIN} (?:when(?:ever)?|if|where|once) ",
        r"[^\n.]{0,40}?",
        r"\b(?:ask(?:s|ed)?|prompt(?:s|ed)?|wants)\b[^\n.]{0,20}?",
        r"\b(?:pass(?:word|code|phrase)|pin)\b",
        also="pass|pin",
    ),
    _form(
        " as ",
        rf"\b(?:us(?:e|es|ed|ing)|enter|accepts?|takes?) {_PLAIN}",
        r" as (?:the |a |my |your |his |her |our |its )?(?:\w{1,12} )?pass(?:word|code|phrase)",
        r"(?=[.,;:!?)]|\s*\Z|\s+(?:for|to|on|and|when|if|in|at|now|instead|again|until|of)\b)",
        also="password|passcode|passphrase",
    ),
    _form(
        "unlocks",
        r"\b(?:tablet|phone|laptop|computer|pc|ipad|iphone|mac|macbook|screen"
        r"|device)\b[^\n.]{0,24}?",
        rf" unlocks with {_PLAIN}(?=[.,;!?)]{{0,2}}(?:\s|\Z))",
    ),
    _form("typ", rf"\btyp(?:e|ed|ing) {_DRAWN} (?:into|in|at|as)\b"),
    _form(
        "network|wifi|wi-fi|wlan|ssid|hotspot",
        r"\b(?:network|wi-?fi|wlan|ssid|hotspot)\b[^\n]{0,40}?\b(?:key|pass|code|pw)[ :=]{1,3}",
        _DRAWN,
    ),
)


def command_passwords(text: str, lowered: str) -> Iterator[tuple[int, int]]:
    """Yield where the values of these forms stand.

    Args:
        text: What is searched.
        lowered: The same in lower case.
    """
    for form in _FORMS:
        for match in _matches(form, text, lowered):
            groups = match.groupdict()
            group = next(name for name in ("a", "b", "c", "d") if groups.get(name) is not None)
            start, end = match.span(group)
            if group == "d" and not _is_drawn(text[start:end]):
                continue
            yield start, start + len(text[start:end].rstrip(".,;:)]}"))


def _matches(form: _Form, text: str, lowered: str) -> Iterator[re.Match[str]]:
    for literal in form.literals:
        if literal in lowered:
            break
    else:
        return iter(())
    if form.also != ("",) and not any(literal in lowered for literal in form.also):
        return iter(())
    if form.begins:
        return matches_at(form.pattern, text, lowered, form.literals)
    return form.pattern.finditer(text)


def _is_drawn(value: str) -> bool:
    is_mixed = looks_drawn(value) and not looks_named(value)
    return is_mixed or _PHRASE.fullmatch(value) is not None
