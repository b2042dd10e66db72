"""Code is found in answers as models write them."""

import pytest

from optimizer.scoring.code.extract import code_of

TWO_BLOCKS = "```python\ndef f(): return 1\n```\nFor example:\n```python\nprint(f())\n```\n"


@pytest.mark.parametrize(
    ("answer", "entry_point", "code"),
    [
        ("def f(): return 1", "", "def f(): return 1"),
        ("Sure!\n```python\nx = 1\n```\nDone.", "", "x = 1\n"),
        ("~~~\nx = 1\n~~~", "", "x = 1\n"),
        ("  ```py\nx = 1\n  ```", "", "x = 1\n"),
        ("```python\r\nx = 1\r\n```", "", "x = 1\n"),
        ("```python\nx = 1\ncut off", "", "x = 1\ncut off"),
        (TWO_BLOCKS, "f", "def f(): return 1\n"),
        (TWO_BLOCKS, "", "print(f())\n"),
        ("<think>```\nwrong = 1\n```</think>```\nright = 1\n```", "", "right = 1\n"),
        ("```bash\nls\n```", "", None),
        ("```python\n\n```", "", None),
        ("", "", None),
        ("x" * 100_001, "", None),
    ],
)
def test_code_is_found(answer: str, entry_point: str, code: str | None) -> None:
    assert code_of(answer, entry_point=entry_point) == code
