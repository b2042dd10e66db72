"""What the sentinel's model can mark, and which slot of a template is which of it."""

from typing import Final

__all__ = ["KIND_OF_SLOT", "LABELS"]

KIND_OF_SLOT: Final[dict[str, str]] = {
    slot: kind
    for kind, slots in {
        "person": ("name", "first", "last", "title"),
        "organization": ("org",),
        "place": ("city", "country"),
        "address": ("address", "street", "zip"),
        "date": ("date", "dob", "year", "month", "weekday"),
        "age": ("age",),
        "group": ("nationality", "religion"),
        "condition": ("condition",),
        "treatment": ("drug",),
        "contact": ("phone", "email", "url", "user"),
        "network": ("ip", "host"),
        "id": ("ssn", "passport", "license", "mrn", "emp", "case", "policy", "plate"),
        "finance": ("card", "iban"),
        "secret": ("password", "apikey"),
        "": ("job", "project", "invoice", "amount", "n", "time"),
    }.items()
    for slot in slots
}
"""What a slot's value is marked as; nothing for what is not sensitive."""

LABELS: Final = (
    "O",
    *(f"{place}-{kind}" for kind in dict.fromkeys(KIND_OF_SLOT.values()) if kind for place in "BI"),
)
"""Labels of tokens: outside, and beginning or inside of each kind."""
