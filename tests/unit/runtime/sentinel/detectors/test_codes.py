"""PINs, codes for one login, product and recovery keys: by the word beside them, or their shape."""

import pytest

from runtime.sentinel.detectors.codes import CodeDetector


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in CodeDetector().detect(text)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("My PIN is 4821.", "4821"),
        ("meine PIN lautet 4821", "4821"),
        ("the pin for my debit card is 04821, is it safe?", "04821"),
        ("SIM locked, puk 48210937", "48210937"),
        ("481 093 is your Example verification code.", "481 093"),
        ("Your one-time code: 481-093. Do not share it.", "481-093"),
        ("Use code 48109377 to sign in", "48109377"),
        ("Dein Bestätigungscode lautet 481093", "481093"),
        ("Tu código de verificación es 481093", "481093"),
        ("mTAN 481093 für Ihre Überweisung", "481093"),
        ("exp 04/27 cvv 481", "481"),
        ("security code on the back is 481", "481"),
        ("The gate code (4821) changes on Monday", "4821"),
        ("Garage keypad is 4821.", "4821"),
        ("door: 4821#", "4821"),
        ("the safe combination is 27-51-22", "27-51-22"),
        ("I unlock my phone with 4821", "4821"),
        ("authenticator shows 4810 9377 right now", "4810 9377"),
        ("TOTP secret: JBSWY3DPEHPK3PXP", "JBSWY3DPEHPK3PXP"),
        ("key VK7JG-NPHTM-C97JM-9MPGT-3V66T", "VK7JG-NPHTM-C97JM-9MPGT-3V66T"),
        ("recovery: " + "-".join(["048213"] * 8), "-".join(["048213"] * 8)),
        ("licence: 8FQ2XK90LMZ7", "8FQ2XK90LMZ7"),
        ("backup codes:\n48210 93771\ne2ac6-d5bfe", "48210 93771\ne2ac6-d5bfe"),
        ("İ PIN: 4821", "4821"),
    ],
)
def test_a_code_is_found(text: str, code: str) -> None:
    assert code in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Connect pin 10 to ground; pins 1200 and 3400 are on the connector.",
        "The server answered with error code 50123 and status code 4041.",
        "Our zip code is 90210, the area code 2120.",
        "They changed the PIN in 2019, and the door code since 2021.",
        "He typed his pin 1000 times.",
        "When was the pin invented, in 1849?",
        "A tan of 4500 euro? No: the tangent of 4500.",
        "The combination of 2000 plants and 3000 animals.",
        "The source code has 12000 lines; the code is 4821 lines long.",
        "Sum the digits of 123456 and open the file with 4096 bytes.",
        "ISBN 978-0-1234-5678-9, order 2024-0001-0002-0003",
        "MAX-SIZE-OF-BUFFER and ABCD-EFGH-IJKL-MNOP are names.",
        "Press enter to confirm 20 eggs.",
        "The recovery code path is tested; backup codes are kept elsewhere.",
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert found(text) == []
