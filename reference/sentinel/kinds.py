"""What the sentinel's model can mark, and which slot of a template is which of it."""

from typing import Final

__all__ = ["KIND_OF_SLOT", "LABELS"]

KIND_OF_SLOT: Final[dict[str, str]] = {
    slot: kind
    for kind, slots in {
        "person": ("name", "first", "last", "title"),
        "organization": ("org",),
        "place": ("city", "country", "region"),
        "address": ("address", "street", "zip"),
        "date": ("date",),
        "year": ("year",),
        "job": ("job",),
        "date_of_birth": ("dob",),
        "age": ("age",),
        "group": ("nationality", "religion"),
        "condition": ("condition",),
        "treatment": ("drug",),
        "phone": ("phone",),
        "email": ("email",),
        "url": ("url",),
        "username": ("user",),
        "ip": ("ip", "mac"),
        "host": ("host",),
        "national_id": ("ssn", "passport"),
        "record_number": ("license", "mrn", "emp", "case", "policy", "plate"),
        "card": ("card",),
        "iban": ("iban", "account"),
        "password": ("password",),
        "api_key": ("apikey",),
        "": (
            *("project", "invoice", "amount", "n", "time", "month", "weekday", "version"),
            *(
                "product",
                "thing",
                "code",
                "part",
                "digest",
                "word",
                "work",
                "film",
                "band",
                "creature",
                "language",
            ),
            *("tool", "feast", "contest", "affair", "dept", "law"),
        ),
    }.items()
    for slot in slots
}
"""What a slot's value is marked as; nothing for what is not sensitive.

A month or a weekday alone tells nobody apart. Years and jobs do so with what stands beside them;
they have kinds of their own, so that whoever reads the model can leave them.
"""

LABELS: Final = (
    "O",
    *(f"{place}-{kind}" for kind in dict.fromkeys(KIND_OF_SLOT.values()) if kind for place in "BI"),
)
"""Labels of tokens: outside, and beginning or inside of each kind."""
