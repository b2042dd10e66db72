"""Numbers that only their context gives away: records, documents, plates, birth dates."""

import re
from typing import Final

from runtime.sentinel.categories import IDENTITY
from runtime.sentinel.span import Span

__all__ = ["BirthDateDetector", "RecordNumberDetector"]

_RECORD: Final = re.compile(
    r"(?i:(?<![^\W_])(?:(?:passport|reisepass|pasaporte|passeport|paszport)|(?:driv(?:er"
    r"|ing)(?:['\u2019]?s)? licen[cs]e"
    r"|driver['\u2019]?s? id|f[uü]hrerschein|permis de conduire)|(?:medical record|health record"
    r"|patient|chart|case|insurance|policy|member(?:ship)?|medicare|medicaid|health card|employee"
    r"|staff|personnel|student|customer|client|badge|licen[cs]e plate|number plate|registration"
    r"|kennzeichen|routing|account|acct\.?|swift|bic|sort code|tax)"
    r"(?: ?(?:id|identifier|code))?|mrn|emp(?:loyee)? ?id|kundennummer|versichertennummer"
    r"|patientennummer)"
    r"(?:[ ._-]{0,2}(?:no\.?|nr\.?|num(?:ber|mer)?|id|code|#))?"
    r"[ \t]{0,2}(?:[:=#]|is|was|:#)?)[ \t]{0,3}#?"
    r"(?P<value>(?=[A-Z0-9 /-]{0,12}\d)"
    r"[A-Z0-9](?:[A-Z0-9/-]|(?<=[A-Z0-9]) (?=[A-Z]{0,3}\d)){3,18})(?![^\W_])"
)
_ENOUGH_DIGITS: Final = re.compile(r"(?:\D*\d){3}")


class RecordNumberDetector:
    """Finds document, record and account numbers after a word that names them."""

    name = "record_number"
    kinds = frozenset({"record_number"})

    def detect(self, text: str) -> list[Span]:
        """Return the numbers in ``text``, without the words before them."""
        return [
            Span(*match.span("value"), "record_number", IDENTITY, 0.7, self.name)
            for match in _RECORD.finditer(text)
            if _ENOUGH_DIGITS.match(match["value"])
        ]


_MONTH: Final = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|m[äa]r|mai|okt|dez|janv|f[ée]v|avr|juin"
    r"|juil"
    r"|ao[ûu]|d[ée]c|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|sty|lut|kwi|maj|cze|lip|sie|wrz"
    r"|pa[źz]|lis"
    r"|gru)[^\W\d_]{0,9}\.?"
)
_DATE: Final = (
    rf"(?:\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.)?(?: (?:of|de))?[ -]{_MONTH}(?: de)?,?[ -]\d{{2,4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"
    rf"|\d{{4}}[ -]{_MONTH}[ -]\d{{1,2}}|\d{{8}})"
)
_BIRTH: Final = re.compile(
    r"(?<![^\W_])(?:born(?: on)?|date of birth|birth ?da(?:te|y)|d\.?o\.?b\.?|geboren(?: am)?"
    r"|geb\.?(?: am)?"
    r"|geburtsdatum|n[ée]e?(?: le)?|date de naissance|nacid[oa](?: el)?|fecha de nacimiento"
    r"|nat[oa](?: il)?"
    r"|data di nascita|ur(?:odzon[ayi]|\.)(?: dnia)?|data urodzenia|geboortedatum|f[øo]dt|f[öo]dd)"
    r"[ \t]{0,2}(?:\(?(?:yyyy|dd|mm)[^)\s]{0,12}\)?)?[ \t]{0,2}(?:[:=]|is|was|on)?[ \t]{0,2}[\"']?"
    rf"(?P<value>{_DATE})(?!\w)",
    re.IGNORECASE,
)


class BirthDateDetector:
    """Finds dates that are said to be dates of birth; other dates stay."""

    name = "date_of_birth"
    kinds = frozenset({"date_of_birth"})

    def detect(self, text: str) -> list[Span]:
        """Return the dates in ``text``, without the words before them."""
        return [
            Span(*match.span("value"), "date_of_birth", IDENTITY, 0.9, self.name)
            for match in _BIRTH.finditer(text)
        ]
