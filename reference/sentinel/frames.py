"""Texts that are composed, not written: labelled values in the forms in which systems keep them.

A label and its value may stand in a sentence, a form, a table, JSON, YAML, a query string, a log or
a program. Each slot has many labels; which of them are held out is a matter of their place.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

__all__ = ["frame", "part_of"]

_LABELS: Final[dict[str, tuple[str, ...]]] = {
    "name": (
        *("name", "full name", "customer", "patient", "contact", "employee", "manager", "owner"),
        *("applicant", "cardholder", "account holder", "guardian", "author", "reporter", "driver"),
        *("student", "tenant", "beneficiary", "signed by", "emergency contact", "assigned to"),
    ),
    "first": ("first name", "given name", "firstname", "fname", "nickname", "forename"),
    "last": ("last name", "surname", "lastname", "lname", "family name", "maiden name"),
    "org": (
        *("company", "employer", "organization", "organisation", "firm", "vendor", "supplier"),
        *("hospital", "school", "bank", "client", "merchant", "insurer", "agency", "brand"),
    ),
    "city": ("city", "town", "place of birth", "location", "site", "destination", "hometown"),
    "country": ("country", "country of birth", "residence", "origin", "shipping country"),
    "region": ("state", "region", "province", "county"),
    "address": (
        *("address", "home address", "billing address", "shipping address", "postal address"),
        *("mailing address", "residence", "delivery address", "location", "office address"),
    ),
    "street": ("street", "street address", "address line 1", "addr1", "address", "road"),
    "zip": ("zip", "zip code", "postcode", "postal code", "zipcode", "plz"),
    "dob": ("date of birth", "dob", "born", "birth date", "birthdate", "birthday", "d.o.b."),
    "date": (
        *("date", "due date", "admitted", "expires", "start date", "visit date", "last seen"),
        *("created", "valid until", "hired", "appointment", "discharged"),
    ),
    "age": ("age", "age in years", "patient age"),
    "nationality": ("nationality", "citizenship", "ethnicity", "native language"),
    "religion": ("religion", "faith", "denomination"),
    "job": ("job", "occupation", "title", "profession", "position", "role", "job title"),
    "condition": ("condition", "diagnosis", "dx", "complaint", "illness", "history"),
    "drug": ("medication", "drug", "rx", "current medication", "allergy", "treatment"),
    "phone": (
        *("phone", "telephone", "mobile", "cell", "tel", "fax", "phone number", "contact number"),
        *("work phone", "home phone", "mobile no.", "direct line", "whatsapp", "pager"),
    ),
    "email": ("email", "e-mail", "mail", "email address", "contact email", "recovery email"),
    "url": ("website", "url", "homepage", "link", "web", "domain", "profile"),
    "user": (
        "user",
        "username",
        "user name",
        "login",
        "account name",
        "uid",
        "handle",
        "screen name",
    ),
    "ip": ("ip", "ip address", "client ip", "source", "remote_addr", "gateway", "last login from"),
    "mac": ("mac", "mac address", "hw address"),
    "host": (
        "host",
        "hostname",
        "server",
        "machine",
        "node",
        "computer name",
        "workstation",
        "fqdn",
    ),
    "ssn": (
        *("ssn", "social security number", "national id", "tax id", "tin", "nhs number", "sin"),
        *("national insurance number", "id number", "personal number", "fiscal code", "itin"),
    ),
    "passport": ("passport", "passport number", "passport no.", "travel document"),
    "license": (
        "driver's license",
        "driving licence",
        "license number",
        "licence no.",
        "dl",
        "dln",
    ),
    "mrn": (
        *(
            "mrn",
            "medical record number",
            "patient id",
            "record no.",
            "chart number",
            "patient no.",
        ),
        *("hospital number", "health plan id", "member id", "beneficiary number"),
    ),
    "emp": (
        *("employee id", "staff id", "badge", "personnel number", "emp id", "employee number"),
        *("student id", "payroll no.", "worker id", "badge number"),
    ),
    "case": (
        "case number",
        "ticket",
        "case",
        "claim number",
        "reference",
        "file no.",
        "complaint id",
    ),
    "policy": ("policy number", "policy", "insurance number", "contract number", "membership"),
    "plate": ("license plate", "plate", "registration", "vehicle", "number plate"),
    "card": (
        *("card", "credit card", "card number", "credit card number", "cc", "debit card", "pan"),
        *("visa", "mastercard", "cc number"),
    ),
    "iban": ("iban", "bank account", "account", "iban code", "payout account"),
    "account": ("account number", "account no.", "acct", "bank account number", "account"),
    "password": ("password", "pwd", "passwd", "pass", "passphrase", "db password", "secret", "pin"),
    "apikey": (
        "api key",
        "token",
        "access key",
        "secret key",
        "client secret",
        "auth token",
        "apikey",
    ),
    "amount": ("total", "amount", "balance", "price"),
    "n": ("count", "items", "floor", "priority", "nights"),
    "invoice": ("invoice", "order", "order number", "item", "article"),
    "version": ("version", "release", "build"),
    "product": ("product", "article", "device", "model"),
    "time": ("time", "start", "opening time", "check-in"),
    "word": ("status", "type", "note", "category", "colour", "department", "reason"),
}
_SAID: Final = (
    *("my {label} is {value}", "The {label} is {value}.", "{label}: {value}", "{label} {value}"),
    *(
        "His {label} is {value}",
        "her {label}: {value}",
        "What is my {label}? It was {value} before.",
    ),
    *("Please change the {label} to {value}.", "I've updated the {label} to {value}, thanks"),
    *("Is {value} the right {label}?", "{value} is my {label}", "{label} = {value}"),
    *("Can you check the {label} {value} for me?", "We have {value} as {label} on file."),
    *("Please use {value} as the {label}.", "The {label} ({value}) seems wrong.", "{value}"),
    *("I can't remember whether the {label} was {value} or {value}.", "{label} - {value}"),
    *(
        "Delete {value} from the system.",
        "Not {value} but {value}.",
        "{value}, that is the {label}.",
    ),
    *("Someone used {value} as {label} without asking me!", "old {label}: {value}, new: {value}"),
    *("Their {label} should read {value}", "No {label} other than {value} was found."),
    *("I need help with {value}", 'What does {value} mean in the field "{label}"?'),
)
_GROUPS: Final = (
    ("name", "dob", "address", "phone", "email", "ssn", "job"),
    ("first", "last", "street", "zip", "city", "country"),
    ("name", "card", "iban", "amount", "date", "address"),
    ("mrn", "name", "dob", "age", "condition", "drug", "date"),
    ("emp", "name", "job", "org", "city", "phone"),
    ("user", "email", "password", "ip", "host", "date"),
    ("host", "ip", "mac", "user", "version", "word"),
    ("case", "name", "date", "product", "word", "phone"),
    ("policy", "name", "plate", "license", "date", "amount"),
    ("passport", "name", "nationality", "dob", "country", "religion"),
    ("org", "address", "phone", "url", "account", "invoice"),
    ("apikey", "url", "host", "user", "version"),
    ("product", "version", "amount", "n", "word", "time", "invoice"),
    ("invoice", "amount", "n", "word", "time"),
)


def frame(dice: random.Random, templates: str) -> str:
    """Return a template, composed anew; ``templates`` is as for ``generate``."""
    if dice.random() < 0.45:
        slot = dice.choice(sorted(_LABELS))
        sentence = _one_of(dice, _SAID, templates)
        return sentence.replace("{label}", _label(dice, slot, templates)).replace(
            "{value}", "{" + slot + "}"
        )
    group = list(dice.choice(_GROUPS))
    dice.shuffle(group)
    slots = group[: dice.randint(2, len(group))]
    fields = [(_label(dice, slot, templates), "{" + slot + "}") for slot in slots]
    return dice.choice((_form, _form, _json, _yaml, _query, _table, _code, _log, _xml))(
        dice, fields
    )


def part_of(items: Sequence[str], templates: str) -> list[str]:
    """Return what of ``items`` is trained on, or held out: every eighth, by its place."""
    return [item for at, item in enumerate(items) if (at % 8 == 7) == (templates == "held")]


def _one_of(dice: random.Random, items: tuple[str, ...], templates: str) -> str:
    """One of the part; a list that is too short to hold anything out is a part whole."""
    return dice.choice(part_of(items, templates) or items)


def _label(dice: random.Random, slot: str, templates: str) -> str:
    label = _one_of(dice, _LABELS[slot], templates)
    return dice.choice((label, label, label.capitalize(), label.title(), label.upper()))


def _key(dice: random.Random, label: str) -> str:
    words = label.lower().replace(".", "").replace("'", "").replace("-", " ").split()
    return dice.choice(
        ("_".join(words), words[0] + "".join(word.title() for word in words[1:]), "-".join(words))
    )


_Fields = list[tuple[str, str]]


def _form(dice: random.Random, fields: _Fields) -> str:
    colon = dice.choice((": ", ":", " : ", " = ", ":\t", " - ", ":\n"))
    between = dice.choice(("\n", "\n", "\n\n", "; ", ", ", " | ", " "))
    return between.join(f"{label}{colon}{value}" for label, value in fields)


def _json(dice: random.Random, fields: _Fields) -> str:
    between = dice.choice((", ", ",", ",\n  "))
    return "{" + between.join(f'"{_key(dice, at)}": "{value}"' for at, value in fields) + "}"


def _yaml(dice: random.Random, fields: _Fields) -> str:
    indent = dice.choice(("", "  ", "- "))
    return "\n".join(f"{indent}{_key(dice, at)}: {value}" for at, value in fields)


def _query(dice: random.Random, fields: _Fields) -> str:
    between = dice.choice(("&", "; ", " ", ", "))
    return between.join(f"{_key(dice, at)}={value}" for at, value in fields)


def _table(dice: random.Random, fields: _Fields) -> str:
    between = dice.choice((",", ";", "\t", " | ", ", "))
    rows = [between.join(value for _, value in fields)] * dice.randint(1, 3)
    head = [between.join(_key(dice, at) for at, _ in fields)] if dice.random() < 0.6 else []
    return "\n".join(head + rows)


def _code(dice: random.Random, fields: _Fields) -> str:
    quote = dice.choice(('"', "'"))
    form = dice.choice(
        ("{key} = {q}{value}{q}", "user.{key} = {q}{value}{q};", "set_{key}({q}{value}{q})")
    )
    return "\n".join(
        form.format(key=_key(dice, at).replace("-", "_"), q=quote, value=value)
        for at, value in fields
    )


def _log(dice: random.Random, fields: _Fields) -> str:
    level = dice.choice(("INFO", "WARN", "ERROR", "[debug]", "<notice>"))
    event = dice.choice(("login failed", "record updated", "sync done", "job started", "saved"))
    tail = " ".join(f"{_key(dice, at)}={value}" for at, value in fields)
    return f"{dice.choice(('{date} {time}', '[{time}]', ''))} {level} {event} {tail}".strip()


def _xml(dice: random.Random, fields: _Fields) -> str:
    between = dice.choice(("", "\n"))
    keys = [(_key(dice, at), value) for at, value in fields]
    return between.join(f"<{key}>{value}</{key}>" for key, value in keys)
