"""Policy documents, DESIGN's five worked cases, and the findings about contradictions."""

from pathlib import Path

import pytest
from hypothesis import given

from runtime.documents.document import Document
from runtime.errors import PolicyInvalid
from runtime.ids import Category, NodeName
from runtime.labels import PUBLIC, UNSURE, Label, Level
from runtime.policy.check import check_policy
from runtime.policy.document import (
    dump_policy,
    load_policy,
    parse_policy,
    policy_from_data,
    policy_hash,
    policy_schema,
)
from runtime.policy.model import (
    CloudAway,
    PlaceholderStyle,
    Policy,
    ReleaseKind,
    ReleaseRule,
    WhenUnsure,
)
from runtime.testing.strategies import policies

CLINIC = Path(__file__).parents[4] / "deploy" / "policies" / "clinic.yaml"
CLOUD = NodeName("cloud")

DESIGN = """
leeward: policy/v1
categories: {person: confidential, contact: confidential, health: restricted,
             secret: restricted, project_name: internal}
clearance:  {edge: restricted, cloud: internal}
releases:
  - {categories: [person, contact], to: cloud, by: redact}
  - {categories: [health], to: cloud, by: approval}
when_unsure: restricted
cloud_away: edge_only
"""


def refusal(text: str) -> PolicyInvalid:
    with pytest.raises(PolicyInvalid) as refused:
        parse_policy(text, file="p.yaml")
    return refused.value


def test_the_design_s_policy_arrives_whole() -> None:
    assert parse_policy(DESIGN) == Policy(
        categories={
            Category("person"): Level.CONFIDENTIAL,
            Category("contact"): Level.CONFIDENTIAL,
            Category("health"): Level.RESTRICTED,
            Category("secret"): Level.RESTRICTED,
            Category("project_name"): Level.INTERNAL,
        },
        clearance={"edge": Level.RESTRICTED, "cloud": Level.INTERNAL},
        releases=(
            ReleaseRule(
                frozenset({Category("person"), Category("contact")}), "cloud", ReleaseKind.REDACT
            ),
            ReleaseRule(frozenset({Category("health")}), "cloud", ReleaseKind.APPROVAL),
        ),
        when_unsure=WhenUnsure(Level.RESTRICTED),
        cloud_away=CloudAway.EDGE_ONLY,
    )


@pytest.mark.parametrize(
    ("label", "level", "as_it_is", "redacted", "approved"),
    [
        pytest.param(PUBLIC, Level.PUBLIC, True, True, True, id="1 no span goes anywhere"),
        pytest.param(
            Label.of("person"), Level.CONFIDENTIAL, False, True, True, id="2 a person redacted"
        ),
        pytest.param(
            Label.of("person", "health"),
            Level.RESTRICTED,
            False,
            False,
            True,
            id="3 health stays unless approved",
        ),
        pytest.param(
            Label.of("project_name"), Level.INTERNAL, True, True, True, id="4 internal as it is"
        ),
        pytest.param(
            Label.of("unlisted"), Level.RESTRICTED, False, False, False, id="5 unlisted category"
        ),
        pytest.param(
            Label.of(UNSURE), Level.RESTRICTED, False, False, False, id="5 failed detector"
        ),
    ],
)
def test_the_design_s_worked_cases(
    label: Label, level: Level, as_it_is: bool, redacted: bool, approved: bool
) -> None:
    policy = parse_policy(DESIGN)
    after_redact = label.without(policy.releasable(label, CLOUD, "cloud", by=ReleaseKind.REDACT))
    approval = policy.releasable(after_redact, CLOUD, "cloud", by=ReleaseKind.APPROVAL)

    assert policy.level_of(label) is level
    assert policy.may_receive(NodeName("edge"), "edge", label)
    assert policy.may_receive(CLOUD, "cloud", label) is as_it_is
    assert policy.may_receive(CLOUD, "cloud", after_redact) is redacted
    assert policy.may_receive(CLOUD, "cloud", after_redact.without(approval)) is approved


def test_redact_leaves_what_no_rule_lists() -> None:
    policy = parse_policy(DESIGN)
    label = Label.of("person", "health")

    removed = policy.releasable(label, CLOUD, "cloud", by=ReleaseKind.REDACT)

    assert label.without(removed) == Label.of("health")


def test_defaults_fail_closed() -> None:
    text = "leeward: policy/v1\ncategories: {}\nclearance: {edge: restricted, cloud: public}"

    policy = parse_policy(text)

    assert policy.when_unsure == WhenUnsure(Level.RESTRICTED, refuse=False)
    assert policy.releases == ()
    assert not policy.restore_tool_arguments


def test_refuse_is_stricter_than_any_level() -> None:
    policy = parse_policy(DESIGN.replace("when_unsure: restricted", "when_unsure: refuse"))

    assert policy.when_unsure == WhenUnsure(Level.RESTRICTED, refuse=True)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("person: confidential", "person: confidental", 3, 'did you mean "confidential"'),
        ("when_unsure", "when_unsre", 9, 'did you mean "when_unsure"'),
        ("by: redact", "by: redcat", 7, 'did you mean "redact"'),
        ("[person, contact]", "[person, contct]", 7, 'did you mean "contact"'),
        ("[person, contact]", "[]", 7, "at least 1"),
        ("[health]", "[health, unsure]", 8, "cannot release `unsure`"),
        ("secret:", "unsure:", 4, "reserved"),
        ("{edge: restricted, cloud: internal}", "{edge: restricted}", 5, "zone cloud"),
        ("{edge: restricted, cloud: internal}", "{cloud: internal}", 5, "zone edge"),
        ("edge: restricted, cloud: internal", "edge: public, cloud: internal", 5, "raw data"),
        ("cloud_away: edge_only", "cloud_away: wait", 10, "edge_only, queue, refuse"),
        ("policy/v1", "graph/v1", 2, "policy/v1"),
        ("cloud_away: edge_only", "restore_tool_arguments: yes", 10, "true or false"),
    ],
)
def test_each_mistake_is_refused_on_its_line(old: str, new: str, line: int, words: str) -> None:
    error = refusal(DESIGN.replace(old, new, 1))

    assert words in error.reason
    assert (error.file, error.line) == ("p.yaml", line)


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("secret: restricted", "secret: internal", (), ""),
        ("[health]", "[health, project_name]", ("releases", 1), "never needed for project_name"),
        ("to: cloud, by: approval", "to: edge, by: approval", ("releases", 1), "never needed"),
        ("to: cloud, by: approval", "to: clod, by: approval", ("releases", 1, "to"), '"cloud"?'),
        ("[health], to: cloud, by: approval", "[person], to: cloud, by: redact", ("releases", 1),
         "allows again"),
        ("when_unsure: restricted", "when_unsure: internal", ("when_unsure",), "to the cloud"),
        ("edge: restricted", "edge: confidential", ("categories", "health"), "no node may receive"),
        ("edge: restricted", "edge: confidential", ("when_unsure",), "say `refuse`"),
    ],
)  # fmt: skip
def test_what_can_never_matter_is_found(
    old: str, new: str, place: tuple[str | int, ...], words: str
) -> None:
    policy = parse_policy(DESIGN.replace(old, new, 1))

    findings = check_policy(policy)

    assert all(finding.severity == "warning" for finding in findings)
    if not words:
        assert findings == []
    else:
        assert any(finding.path == place and words in finding.reason for finding in findings)


def test_the_design_s_policy_and_the_example_have_no_findings() -> None:
    assert check_policy(parse_policy(DESIGN)) == []
    assert check_policy(load_policy(CLINIC)) == []


@given(policies())
def test_what_is_dumped_is_read_back_equal_unless_it_contradicts_itself(policy: Policy) -> None:
    if any(finding.severity == "error" for finding in check_policy(policy)):
        with pytest.raises(PolicyInvalid):
            policy_from_data(dump_policy(policy))
    else:
        assert policy_from_data(dump_policy(policy)) == policy


def test_the_hash_ignores_order_and_sees_every_change() -> None:
    policy = parse_policy(DESIGN)
    reordered = DESIGN.replace("[person, contact]", "[contact, person]").replace(
        "{edge: restricted, cloud: internal}", "{cloud: internal, edge: restricted}"
    )

    assert policy_hash(parse_policy(reordered)) == policy_hash(policy)
    for old, new in [
        ("secret: restricted", "secret: confidential"),
        ("cloud: internal", "cloud: public"),
        ("by: approval", "by: redact"),
        ("[health]", "[secret]"),
        ("when_unsure: restricted", "when_unsure: refuse"),
        ("edge_only", "queue"),
    ]:
        assert policy_hash(parse_policy(DESIGN.replace(old, new, 1))) != policy_hash(policy)


def test_surrogates_are_asked_for_by_name_and_change_the_hash() -> None:
    policy = parse_policy(DESIGN)
    asking = parse_policy(f"{DESIGN}placeholders: surrogates\n")

    assert policy.placeholders is PlaceholderStyle.TAGS
    assert asking.placeholders is PlaceholderStyle.SURROGATES
    assert policy_hash(asking) != policy_hash(policy)
    assert policy_hash(parse_policy(f"{DESIGN}placeholders: tags\n")) == policy_hash(policy)


def test_surrogates_without_a_redaction_are_found() -> None:
    text = DESIGN.replace("by: redact", "by: generalise")

    (finding,) = check_policy(parse_policy(f"{text}placeholders: surrogates\n"))

    assert (finding.severity, finding.path) == ("warning", ("placeholders",))


def test_findings_can_be_placed_in_the_document() -> None:
    document = Document({}, PolicyInvalid, "p.yaml", {(): 1, ("releases", 1): 7})

    assert document.line_of(("releases", 1, "to")) == 7


def test_the_schema_lists_the_levels() -> None:
    names = policy_schema()["$defs"]["LevelName"]["enum"]

    assert names == [level.name.lower() for level in Level]
