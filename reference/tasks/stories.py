"""The wordings of the two word-problem tasks, as tables.

Knows texts only: ``{title}{name}`` is the person, ``{a}`` and ``{b}`` are the numbers of a
change, in the order in which a reader meets them. `reference.tasks.problems` draws from here.
"""

from dataclasses import dataclass
from typing import Final

from reference.tasks.working import ChangeKind

__all__ = ["ASIDES", "CONDITIONS", "DOSAGE", "DRUGS", "LEDGER", "SHELF", "Clause", "Story"]


@dataclass(frozen=True, slots=True)
class Clause:
    """A sentence that changes the running total."""

    text: str
    kind: ChangeKind


@dataclass(frozen=True, slots=True)
class Story:
    """One way to tell a word problem.

    ``openings`` set the running total, ``events`` change it, ``ask`` and ``tell`` are the
    question and the sentence of the answer (``{total}``).
    """

    name: str
    is_personal: bool
    titles: tuple[str, ...]
    openings: tuple[Clause, ...]
    events: tuple[Clause, ...]
    ask: tuple[str, ...]
    tell: str


ASIDES: Final[tuple[str, ...]] = (
    "Phone: {phone}.",
    "Call {phone} with questions.",
    "{name} can be reached at {phone}.",
    "Mail: {email}.",
    "Please write to {email}.",
)
"""Sentences that carry contact data and change nothing."""

CONDITIONS: Final[tuple[str, ...]] = (
    "asthma",
    "diabetes",
    "epilepsy",
    "migraine",
    "hypertension",
    "anaemia",
    "pneumonia",
    "arthritis",
)

DRUGS: Final[tuple[str, ...]] = ("ibuprofen", "aspirin", "codeine", "iron", "zinc", "vitamin C")

_CARE = ("Patient ", "Mr. ", "Ms. ", "Dr. ", "")
_TRADE = ("Mr. ", "Ms. ", "Customer ", "Dr. ", "")

_TABLETS = Story(
    name="tablets",
    is_personal=True,
    titles=_CARE,
    openings=(
        Clause("{title}{name} takes {a} tablets of {b} mg.", "start_product"),
        Clause("Prescription for {name}: {a} tablets of {b} mg {drug}.", "start_product"),
        Clause("{title}{name} takes {a} mg of {drug}.", "start"),
    ),
    events=(
        Clause("This is repeated {a} times.", "multiply"),
        Clause("It goes on like this for {a} days.", "multiply"),
        Clause("An extra dose of {a} mg is added.", "add"),
        Clause("Then {a} mg are left out.", "subtract"),
        Clause("Then {a} drops of {b} mg are added.", "add_product"),
    ),
    ask=("How many mg does {name} take?", "How much is that for {name}?"),
    tell="{name} takes {total} mg.",
)

_INFUSION = Story(
    name="infusion",
    is_personal=True,
    titles=_CARE,
    openings=(
        Clause("The pump of {title}{name} gives {a} ml an hour for {b} hours.", "start_product"),
        Clause("{title}{name} drinks {a} cups of {b} ml.", "start_product"),
        Clause("Nurse {name} prepares {a} ml.", "start"),
    ),
    events=(
        Clause("The same is given on {a} days.", "multiply"),
        Clause("Another {a} ml follow.", "add"),
        Clause("Of this, {a} ml are spilled.", "subtract"),
        Clause("Then {a} syringes of {b} ml are used up.", "subtract_product"),
    ),
    ask=("How many ml are noted for {name}?",),
    tell="For {name}, {total} ml are noted.",
)

_CUPBOARD = Story(
    name="cupboard",
    is_personal=False,
    titles=("",),
    openings=(
        Clause("A cupboard holds {a} boxes of {b} tablets.", "start_product"),
        Clause("A cupboard holds {a} tablets.", "start"),
        Clause("The pharmacy sends {a} strips of {b} tablets.", "start_product"),
    ),
    events=(
        Clause("The ward uses {a} of them.", "subtract"),
        Clause("A delivery brings {a} more.", "add"),
        Clause("A delivery brings {a} boxes of {b} tablets.", "add_product"),
        Clause("The ward orders {a} times as many.", "multiply"),
    ),
    ask=("How many tablets are there?", "How many tablets is that?"),
    tell="There are {total} tablets.",
)

_ACCOUNT = Story(
    name="account",
    is_personal=True,
    titles=_TRADE,
    openings=(
        Clause("Account {iban} of {name} holds {a} euro.", "start"),
        Clause("{title}{name} has {a} euro in account {iban}.", "start"),
        Clause("{title}{name} pays {a} times {b} euro into {iban}.", "start_product"),
        Clause("{title}{name} saves {a} euro.", "start"),
    ),
    events=(
        Clause("Then {a} euro are paid in.", "add"),
        Clause("Then {a} euro are paid out.", "subtract"),
        Clause("Next come {a} bills of {b} euro.", "subtract_product"),
        Clause("Next come {a} refunds of {b} euro.", "add_product"),
        Clause("The amount grows {a} times as large.", "multiply"),
    ),
    ask=("How many euro does {name} have now?", "What is the balance of {name}?"),
    tell="{name} has {total} euro.",
)

_ORDER = Story(
    name="order",
    is_personal=True,
    titles=_TRADE,
    openings=(
        Clause("{title}{name} orders {a} lamps at {b} euro each.", "start_product"),
        Clause("Order for {name}: {a} chairs at {b} euro each.", "start_product"),
        Clause("{title}{name} buys a lamp for {a} euro.", "start"),
    ),
    events=(
        Clause("Shipping costs {a} euro.", "add"),
        Clause("A voucher takes off {a} euro.", "subtract"),
        Clause("The whole order is placed {a} times.", "multiply"),
        Clause("Also {a} cups at {b} euro each are added.", "add_product"),
    ),
    ask=("How many euro does {name} pay?", "What does {name} pay?"),
    tell="{name} pays {total} euro.",
)

SHELF = Story(
    name="shelf",
    is_personal=False,
    titles=("",),
    openings=(
        Clause("A shelf holds {a} boxes of {b} bulbs.", "start_product"),
        Clause("A shelf holds {a} bulbs.", "start"),
        Clause("A truck brings {a} crates of {b} bulbs.", "start_product"),
    ),
    events=(
        Clause("Then {a} bulbs are sold.", "subtract"),
        Clause("Then {a} bulbs arrive.", "add"),
        Clause("Then {a} boxes of {b} bulbs arrive.", "add_product"),
        Clause("Then {a} packs of {b} bulbs are sold.", "subtract_product"),
        Clause("The stock grows {a} times as large.", "multiply"),
    ),
    ask=("How many bulbs are there now?", "How many bulbs are left?"),
    tell="There are {total} bulbs.",
)

DOSAGE: Final = (_TABLETS, _INFUSION, _CUPBOARD)
LEDGER: Final = (_ACCOUNT, _ORDER, SHELF)
