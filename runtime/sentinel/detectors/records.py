"""Numbers that only their context gives away: records, documents, plates, birth dates."""

import re
from typing import Final

from stdnum import luhn

from runtime.sentinel.categories import IDENTITY
from runtime.sentinel.detectors.context import Context
from runtime.sentinel.detectors.lowered import lowered_in_place
from runtime.sentinel.detectors.stems import matches_at
from runtime.sentinel.span import Span

__all__ = ["BirthDateDetector", "RecordNumberDetector"]

_RECORD: Final = re.compile(
    r"(?i:(?<![^\W_])(?:(?:passport|reisepass|pasaporte|passeport|paszport)|(?:driv(?:er"
    r"|ing)(?:['\u2019]?s)? licen[cs]e"
    r"|driver['\u2019]?s? id|f[uü]hrerschein|permis de conduire|(?-i:DL))|(?:medical record"
    r"|health record|patient|chart|case|insurance|policy|member(?:ship)?|medicare|medicaid"
    r"|health card|employee|staff|personnel|student|customer|client|badge|licen[cs]e plate"
    r"|number plate|registration|kennzeichen|(?:aba )?routing|bank account|account|acct\.?|swift"
    r"|bic|sort code|tax)(?: ?(?:id|identifier|code))?"
    r"|mrn|emp(?:loyee)? ?id|kundennummer|versichertennummer|patientennummer"
    r"|krankenversicherten(?:nummer|-?nr\.?)|versichertennr\.?"
    r"|(?-i:ABA|RTN|NPI|DEA|IMEI|IMSI|ICCID|MEID|MBI|HICN)"
    r"|npi|imei|imsi|iccid|meid|sim card"
    # These say it only together with a word for a number
    r"|(?:beneficiary|subscriber|claim|certificat(?:e|ion)|licen[cs]e|enrolment|enrollment"
    r"|device|serial|unique|sim|dea|mbi|account)(?= ?(?:id|identifier|code|no\b|nr\b|num|#|:))"
    r"(?: ?(?:id(?:entifier)?|code))?)"
    r"(?:[ ._-]{0,2}(?:no\.?|nr\.?|num(?:ber|mer)?|id|code|#))?"
    r"[ \t]{0,2}(?:[:=#]|is|was|:#)?)[ \t]{0,3}#?"
    r"(?P<value>(?=[A-Z0-9 /-]{0,12}\d)"
    r"[A-Z0-9](?:[A-Z0-9/-]|(?<=[A-Z0-9]) (?=[A-Z]{0,3}\d)){3,18})(?![^\W_])"
)
_RECORD_STEMS: Final = (
    *("passport", "reisepass", "pasaporte", "passeport", "paszport", "driv", "führersch"),
    *("fuhrersch", "permis de", "dl", "medical", "health", "patient", "chart", "case"),
    *("insurance", "policy", "member", "medicare", "medicaid", "emp", "staff", "personnel"),
    *("student", "customer", "client", "badge", "licen", "number plate", "registration"),
    *("kennzeichen", "aba", "routing", "bank acc", "acc", "swift", "bic", "sort code", "tax"),
    *("mrn", "kundennummer", "versichertenn", "krankenvers", "npi", "dea", "imei", "imsi"),
    *("iccid", "meid", "mbi", "hicn", "rtn", "sim", "beneficiary", "subscriber", "claim"),
    *("certificat", "enrol", "device", "serial", "unique"),
)
"""How what a number is called begins."""
_PLATE_STEMS: Final = (
    *("plate", "kennzeichen", "registration", "immatriculation", "matricula", "matrícula"),
    "targa",
)
_ENOUGH_DIGITS: Final = re.compile(r"(?:\D*\d){3}|(?=.{8})(?:\D*\d){2}")
_PLATE: Final = re.compile(
    r"(?i:(?<![^\W_])(?:plates?|kennzeichen|registration|immatriculation|matr[ií]cula|targa)"
    r"(?: (?:no\.?|nr\.?|number|mark))?[ \t]{0,2}(?:[:=#]|is|was)?)[ \t]{0,3}"
    r"(?P<value>(?=[A-Z\d -]{5})(?=[A-Z\d -]{0,10}\d)(?=[\d -]{0,6}[A-Z])"
    r"[A-Z\d]{1,4}(?:[ -]?[A-Z\d]{1,4}){1,3})(?![^\W_])"
)
_BIC: Final = re.compile(
    r"(?i:(?<![^\W_])(?:bic|swift)(?:[ /-]{1,3}(?:bic|swift))?(?: (?:code|number|address))?"
    r"[ \t]{0,2}(?:[:=]|is|lautet)?)[ \t]{0,3}"
    r"(?P<value>[A-Z]{6}[A-Z\d]{2}(?:[A-Z\d]{3})?)(?![^\W_])"
)
_VIN: Final = re.compile(
    r"\d{4}(?<=(?<![^\W_])[A-HJ-NPR-Z\d]{17})(?![^\W_])"  # the digits first: they are seldom
)
_VIN_LENGTH: Final = 17
_VIN_VALUES: Final = dict(
    zip(
        "0123456789ABCDEFGHJKLMNPRSTUVWXYZ",
        (*range(10), *range(1, 9), 1, 2, 3, 4, 5, 7, 9, *range(2, 10)),
        strict=True,
    )
)
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_CHECK: Final = 8
_VIN_CONTEXT: Final = Context(
    r"vin(?:[ -]?(?:no|number|code))?|chassis(?: (?:no|number))?(?: is)?|vehicle id\w*(?: number)?"
    r"|fahrgestell\w*|fin|vehicle"
)
_IMEI: Final = re.compile(
    r"\d(?<![\w-]\d)(?:\d-\d{6}-\d{6}-\d(?![\w-])|(?:(?<=0)1|(?<=3)5|(?<=8)6|(?<=9)9)\d{13}(?![\w-]))"
)


class RecordNumberDetector:
    """Finds document, record and account numbers after a word that names them."""

    name = "record_number"
    kinds = frozenset({"record_number"})

    def detect(self, text: str) -> list[Span]:
        """Return the numbers in ``text``, without the words before them."""
        lowered = lowered_in_place(text)
        places = [
            match.span("value")
            for match in matches_at(_RECORD, text, lowered, _RECORD_STEMS)
            if _ENOUGH_DIGITS.match(match["value"])
        ]
        for named, stems in ((_PLATE, _PLATE_STEMS), (_BIC, ("bic", "swift"))):
            found = matches_at(named, text, lowered, stems)
            places += [match.span("value") for match in found]
        places += [
            (match.end() - _VIN_LENGTH, match.end())
            for match in _VIN.finditer(text)
            if _is_vin(text, match.end() - _VIN_LENGTH, match.end())
        ]
        places += [
            match.span()
            for match in _IMEI.finditer(text)
            if luhn.is_valid(match[0].replace("-", ""))
        ]
        return [
            Span(start, end, "record_number", IDENTITY, 0.7, self.name)
            for start, end in dict.fromkeys(places)
        ]


def _is_vin(text: str, start: int, end: int) -> bool:
    """Whether the check digit holds, as in North America and China, or a word names it."""
    number = text[start:end]
    total = sum(
        weight * _VIN_VALUES[sign] for weight, sign in zip(_VIN_WEIGHTS, number, strict=True)
    )
    is_mixed = not number.isdecimal()
    is_checked = number[_VIN_CHECK] == "0123456789X"[total % 11]
    return is_mixed and (is_checked or _VIN_CONTEXT.is_before(text, start))


_MONTH: Final = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|m[äa]r|mai|okt|dez|janv|f[ée]v|avr|juin"
    r"|juil"
    r"|ao[ûu]|d[ée]c|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|sty|lut|kwi|maj|cze|lip|sie|wrz"
    r"|pa[źz]|lis"
    r"|gru)[^\W\d_]{0,9}\.?"
)
_ORDINAL: Final = (
    r"(?:(?:twenty|thirty)[ -])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)"
    r"|tenth|eleventh|twelfth|(?:thir|four|fif|six|seven|eigh|nine)teenth|twentieth|thirtieth"
)
_YEAR: Final = (
    r"(?:\d{4}|(?:nineteen|eighteen|twenty)[ -](?:hundred|oh|[a-z]{3,9}ty|[a-z]{3,8}teen|ten"
    r"|eleven|twelve)"
    r"(?:[ -](?:and )?[a-z]{3,5})?|two thousand(?:(?: and)? [a-z]{3,9})?)"
)
_DATE: Final = (
    rf"(?:\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.)?(?: (?:of|de))?[ -]{_MONTH}(?: de)?,?[ -]\d{{2,4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"
    rf"|\d{{4}},?[ -]{_MONTH}[ -]\d{{1,2}}|\d{{8}}"
    rf"|(?:the )?(?:{_ORDINAL}|\d{{1,2}}(?:st|nd|rd|th))(?: of)? {_MONTH},? {_YEAR}"
    rf"|{_MONTH},? (?:the )?(?:{_ORDINAL}|\d{{1,2}}(?:st|nd|rd|th)),? {_YEAR})"
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


_BIRTH_STEMS: Final = (
    *("born", "date of birth", "date de", "birth", "d.o", "dob", "do.b", "geb", "né", "ne", "nac"),
    *("fecha", "nat", "data", "ur", "født", "fodt", "född", "fodd"),
)


class BirthDateDetector:
    """Finds dates that are said to be dates of birth; other dates stay."""

    name = "date_of_birth"
    kinds = frozenset({"date_of_birth"})

    def detect(self, text: str) -> list[Span]:
        """Return the dates in ``text``, without the words before them."""
        return [
            Span(*match.span("value"), "date_of_birth", IDENTITY, 0.9, self.name)
            for match in matches_at(_BIRTH, text, lowered_in_place(text), _BIRTH_STEMS)
        ]
