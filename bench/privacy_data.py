"""Texts with marked spans, as the privacy benchmark reads them, and our names of their kinds.

Two forms: JSON lines ``{"id", "text", "annotations": [{"start", "end", "kind", "text"}]}``, and the
JSON list of presidio-research (``full_text``, ``spans`` with ``entity_type``).
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from runtime.sentinel.categories import KINDS

__all__ = [
    "FIXED_SHAPE",
    "HELD_OUT",
    "Annotation",
    "DataInvalid",
    "Example",
    "KindMap",
    "load",
    "load_kind_map",
]


HELD_OUT: Final = Path(__file__).parent / "data" / "privacy_held_out.jsonl.gz"
"""Texts that ``reference.sentinel.generate`` made from its held-out templates, seed 77."""


class DataInvalid(Exception):
    """The file is in neither form; the text says where."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A stretch that people marked as sensitive; ``end`` is exclusive."""

    start: int
    end: int
    kind: str
    """As the file calls it."""


@dataclass(frozen=True, slots=True)
class Example:
    """One text."""

    id: str
    text: str
    annotations: tuple[Annotation, ...]


FIXED_SHAPE: Final = frozenset(
    {
        *("card", "iban", "national_id", "email", "ip", "mac", "crypto_wallet", "coordinates"),
        *("phone", "url_credentials", "api_key", "private_key"),
    }
)
"""Kinds with a checksum or a shape of their own, which patterns alone ought to find."""

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "person": (
        *("person", "name", "full_name", "first_name", "last_name", "given_name", "surname"),
        *("patient", "doctor", "staff", "hcw", "per", "person_name", "middle_name", "prefix"),
    ),
    "address": (
        *("address", "street_address", "street", "location_address", "building", "zip_code", "zip"),
        *("postcode", "zipcode", "secondary_address", "postal_code", "building_number"),
    ),
    "organization": (
        *("organization", "organisation", "org", "company", "company_name", "employer", "hospital"),
        *("vendor", "institution", "bank", "school", "university"),
    ),
    "place": (
        *("place", "gpe", "city", "country", "state", "county", "region", "location", "loc"),
        *("town", "location_city", "location_country", "nearby_gps_place"),
    ),
    "date": ("date", "date_time", "datetime", "day", "time"),
    "year": ("year",),
    "age": ("age",),
    "group": (
        *("group", "nrp", "norp", "nationality", "ethnicity", "religion", "race", "origin"),
        *("political_affiliation", "religious_belief"),
    ),
    "job": ("job", "title", "job_title", "jobtitle", "occupation", "profession", "job_area"),
    "username": ("username", "user_name", "user", "login", "user_id", "account_name", "handle"),
    "url": ("url", "domain", "domain_name", "website", "link", "uri"),
    "host": ("host", "hostname", "host_name", "server", "machine", "device_name", "fqdn"),
    "phone": ("phone", "phone_number", "telephone", "telephonenum", "fax", "mobile", "pager"),
    "email": ("email", "email_address", "e_mail"),
    "card": ("card", "credit_card", "credit_card_number", "creditcardnumber", "card_number"),
    "iban": ("iban", "iban_code", "bank_account", "account_number", "account", "us_bank_number"),
    "national_id": (
        *(
            "national_id",
            "ssn",
            "us_ssn",
            "us_itin",
            "uk_nhs",
            "uk_nino",
            "passport",
            "us_passport",
        ),
        *(
            "tax_id",
            "taxnum",
            "idcard",
            "id_card",
            "idcardnum",
            "socialnum",
            "social_security_number",
        ),
        *("pesel", "nino", "nhs", "bsn", "cpf", "aadhaar", "in_aadhaar", "in_pan", "es_nif"),
        *("it_fiscal_code", "nhs_number", "national_identifier"),
    ),
    "record_number": (
        *("record_number", "mrn", "medical_record_number", "medical_record", "employee_id"),
        *("us_driver_license", "driver_license", "driverlicensenum", "license_plate", "patient_id"),
        *("health_plan_beneficiary_number", "policy_number", "vin", "vehicle", "customer_id"),
        *("certificate_license_number", "medical_license", "licence_plate", "device_identifier"),
        *("insurance_number", "id", "idnum", "case_number", "member_id"),
    ),
    "date_of_birth": ("date_of_birth", "dob", "birth_date", "birthdate", "dateofbirth"),
    "ip": ("ip", "ip_address", "ipv4", "ipv6"),
    "mac": ("mac", "mac_address"),
    "coordinates": ("coordinates", "coordinate", "gps", "gps_coordinates", "lat_lon"),
    "url_credentials": (
        "url_credentials",
        "connection_string",
        "database_url",
        "url_with_credentials",
    ),
    "api_key": (
        *(
            "api_key",
            "apikey",
            "token",
            "secret",
            "secret_key",
            "access_key",
            "access_token",
            "jwt",
        ),
        *("bearer_token", "aws_access_key", "aws_secret_key", "github_token", "slack_token"),
        *("webhook", "client_secret", "session_token", "high_entropy"),
    ),
    "private_key": ("private_key", "rsa_private_key", "ssh_private_key", "pem"),
    "password": ("password", "passwd", "pass", "pin", "credential"),
    "crypto_wallet": ("crypto_wallet", "crypto", "bitcoin_address", "bitcoinaddress", "wallet"),
    "condition": ("condition", "health", "diagnosis", "disease", "medical_condition", "symptom"),
    "treatment": ("treatment", "medication", "drug", "procedure"),
}
_PREFIXES: Final = re.compile(r"^(?:b|i)[_-]", re.IGNORECASE)


class KindMap:
    """What the kinds of a file are called here; a kind that nothing covers has no name here."""

    def __init__(self, extra: Mapping[str, str] | None = None) -> None:
        self._names = {name: kind for kind, names in _NAMES.items() for name in names}
        self._names |= {kind: kind for kind in KINDS}
        self._names |= {_normal(name): kind for name, kind in (extra or {}).items()}

    def kind_of(self, name: str) -> str | None:
        """Return our kind, or ``None``."""
        kind = self._names.get(_normal(name))
        return kind or None


def load_kind_map(path: Path | None, pairs: Sequence[str] = ()) -> KindMap:
    """Read a mapping from a JSON file and ``theirs=ours`` pairs; an empty name maps to nothing.

    Raises:
        DataInvalid: It is no mapping, or maps to a kind that the shipped detectors do not know.
    """
    extra: dict[str, str] = {}
    if path is not None:
        read = _json(path.read_text(encoding="utf-8"), str(path))
        if not isinstance(read, dict) or not all(isinstance(kind, str) for kind in read.values()):
            raise DataInvalid(
                f'{path}: must be one JSON object of names, like {{"SSN": "national_id"}}'
            )
        extra |= read
    for pair in pairs:
        theirs, equals, ours = pair.partition("=")
        if not equals:
            raise DataInvalid(f"--kind {pair}: write it as THEIRS=OURS")
        extra[theirs] = ours
    for theirs, ours in extra.items():
        if ours and ours not in KINDS:
            raise DataInvalid(f"{theirs}: no kind {ours!r} here; known: {', '.join(sorted(KINDS))}")
    return KindMap(extra)


def load(path: Path) -> list[Example]:
    """Read a file in either form.

    Raises:
        DataInvalid: Says which line or item is wrong and how.
    """
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataInvalid(f"{path}: cannot be read as UTF-8 text") from error
    examples = list(_listed(text, path) if text.lstrip().startswith("[") else _lines(text, path))
    if not examples:
        raise DataInvalid(f"{path}: holds no texts")
    return examples


def _lines(text: str, path: Path) -> Iterator[Example]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            place = f"{path}:{number}"
            yield _example(
                _json(line, place), place, "text", "annotations", ("start", "end", "kind")
            )


def _listed(text: str, path: Path) -> Iterator[Example]:
    fields = ("start_position", "end_position", "entity_type")
    for number, item in enumerate(_json(text, str(path))):
        is_theirs = isinstance(item, dict) and "full_text" in item
        place = f"{path}[{number}]"
        if is_theirs:
            yield _example(item, place, "full_text", "spans", fields)
        else:
            yield _example(item, place, "text", "annotations", ("start", "end", "kind"))


def _example(
    item: Any, place: str, text_field: str, spans_field: str, fields: tuple[str, str, str]
) -> Example:
    try:
        text, spans = item[text_field], item[spans_field]
        marked = tuple(Annotation(*(span[field] for field in fields)) for span in spans)
        is_right = isinstance(text, str) and all(
            0 <= span.start < span.end <= len(text) and isinstance(span.kind, str)
            for span in marked
        )
    except (KeyError, TypeError, IndexError) as error:
        raise DataInvalid(f"{place}: needs `{text_field}` and `{spans_field}`") from error
    if not is_right:
        raise DataInvalid(f"{place}: a span lies outside of its text")
    return Example(str(item.get("id", place)), text, marked)


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataInvalid(f"{place}: is not JSON") from error


def _normal(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", _PREFIXES.sub("", name).lower()).strip("_")
