"""Team space documents."""

import pytest

from optimizer.replay.space_document import S1, HashClass, parse_space
from runtime.errors import ConfigInvalid

GOOD = """\
leeward: space/v1
name: S1
edge: [gemma-2-2b-it, Phi-3.5-mini-instruct]
cloud: [gpt-4o-mini-2024-07-18, Llama-3.1-405B-Inst@sambanova]
thresholds: [0.3, 0.51, 1.0]
caps: [0, 0.05, 0.1]
sensitive: {hash_modulus: 5, remainder: 0}
split: {hash_modulus: 2}
"""


def test_the_example_of_the_data_sheet_is_read() -> None:
    spec = parse_space(GOOD)

    assert spec.edge == ("gemma-2-2b-it", "Phi-3.5-mini-instruct")
    assert spec.thresholds == (0.3, 0.51, 1.0)
    assert spec.caps == (0.0, 0.05, 0.1)
    assert spec.sensitive == HashClass(5, 0)
    assert spec.split == HashClass(2)


def test_sensitive_and_split_may_be_left_out() -> None:
    short = "\n".join(GOOD.splitlines()[:6])

    spec = parse_space(short)

    assert spec.sensitive is None
    assert spec.split == HashClass(2)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("space/v1", "space/v2", 'leeward: must be "space/v1"'),
        ("thresholds:", "treshholds:", 'did you mean "thresholds"'),
        ("[0.3, 0.51, 1.0]", "[0.51, 0.3]", "must rise"),
        ("[0.3, 0.51, 1.0]", "[0.3, 1.5]", "at most 1"),
        ("[0, 0.05, 0.1]", "[0, 0]", "listed twice"),
        ("[0, 0.05, 0.1]", "[]", "needs at least 1"),
        (", Phi-3.5-mini-instruct]", ", gemma-2-2b-it]", "edge.1: .*listed twice"),
        ("cloud: [gpt-4o-mini-2024-07-18,", "cloud: [gemma-2-2b-it,", "listed twice"),
        ("remainder: 0", "remainder: 5", "less than the modulus"),
    ],
)
def test_a_mistake_is_named_with_its_line(old, new, words) -> None:
    with pytest.raises(ConfigInvalid, match=words) as refused:
        parse_space(GOOD.replace(old, new), file="space.yaml")

    assert str(refused.value).startswith("space.yaml:")


def test_s1_has_the_published_number_of_graphs() -> None:
    teams = 2 ** len(S1.edge) - 1

    assert teams * (1 + len(S1.thresholds) * len(S1.cloud)) == 12_495
