"""Vital signs, laboratory values and settings of machines are nobody's number."""

import pytest

from runtime.sentinel.measures import is_measure


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("O: BP 132/84, afebrile.", "BP"),
        ("O: BP 132/84, afebrile.", "132/"),
        ("BP 145/92 mmHg, HR 88", "145/92 mmHg"),
        ("BP 110/70 P 72 T 98.6 RR 14", "98.6 RR"),
        ("BP 110/70 P 72 T 98.6 RR 14", "72 T"),
        ("LDL 3.1 mmol/L, creatinine 92 umol/L, eGFR 68.", "creatinine 92 umol/"),
        ("Hb 13.2, WBC 7.4, Plt 210, Na 139, K 4.2", "Plt 210, Na 139"),
        ("MRI L4/L5: protrusion", "L4/L5"),
        ("torque 25 Nm", "25"),
        ("the drive draws 12,5 kW at 2 kV", "2"),
        ("smoker, 20 pack-years", "20"),
        ("torque of M8 is 25 Nm, M10 49 Nm", "M10 49 Nm"),
        ("grade 8.8, DIN 933.", "933"),
        ("as EN ISO 13849-1 asks", "EN ISO 13849-1"),
        ("it shows P0301 misfire on cylinder 1", "P0301"),
        ("P0171 system too lean", "P0171"),
        ("ABG 7.35/45/88/24 on FiO2 0.4", "35/45"),
        ("G1 X10 Y20 F1200 is too fast", "X10 Y20"),
        ("glucose was 142 mg/dL", "142 mg"),
    ],
)
def test_what_measures_something_is_told(text: str, read: str) -> None:
    start = text.index(read)

    assert is_measure(text, start, start + len(read), "record_number")


@pytest.mark.parametrize(
    ("text", "read", "kind"),
    [
        ("BP 2210, Lomé", "BP 2210", "address"),
        ("K 4.2 is the room", "K 4.2", "record_number"),
        ("HR 88 is written on file 4471", "4471", "record_number"),
        ("Hb 1234567", "1234567", "record_number"),
        ("hr 555-0123", "555-0123", "phone"),
        ("pulse 72 at 12 High Street", "12 High Street", "address"),
        ("LDL 3.1 mmol/L of Anna Kowalska", "Anna Kowalska", "person"),
        ("aspirin 100 mg", "aspirin 100", "treatment"),
        ("temp 37.2", "temp 37.2", "password"),
        ("BP 132/84\n132", "132", "record_number"),
        ("employee P0301 called in sick", "P0301", "record_number"),
        ("M10 is his desk", "M10", "record_number"),
        ("en 12 calle", "12 calle", "address"),
        ("Pt 447, 12 A", "Pt 447", "record_number"),
        ("Pt 447, 12 A", "12 A", "address"),
    ],
)
def test_what_may_be_somebodys_stays(text: str, read: str, kind: str) -> None:
    start = text.rindex(read)

    assert not is_measure(text, start, start + len(read), kind)
