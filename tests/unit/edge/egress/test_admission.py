"""What a call claims of its releases, held against the policy; no accepted plan is refused."""

import pytest
from hypothesis import HealthCheck, event, given, settings

from edge.egress.admission import Admission
from runtime.errors import LeewardError, PolicyViolation
from runtime.flow.model import Form
from runtime.ids import Category, ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.labels import PUBLIC, Label
from runtime.planner.model import PlanRequest
from runtime.planner.plan import plan
from runtime.policy.document import parse_policy
from runtime.policy.model import Policy
from runtime.ports import ChatMessage, GenerateRequest, Provenance, ReleaseRecord
from runtime.sentinel.scan import Sentinel
from runtime.testing.strategies import plan_requests

POLICY = parse_policy("""
leeward: policy/v1
categories: {person: confidential, health: restricted}
clearance: {edge: restricted, cloud: internal, cloud-eu: confidential}
releases:
  - {categories: [person], to: cloud-a, by: redact}
  - {categories: [health], to: cloud-a, by: approval}
when_unsure: restricted
""")
REDACTED = ReleaseRecord("redact", (Category("person"),), 1)
APPROVED = ReleaseRecord("approval", (Category("health"),))


def claim(
    node: str, *releases: ReleaseRecord, label: Label = PUBLIC, policy: Policy = POLICY
) -> None:
    where = Provenance(
        RequestId("r"), SessionId("s"), PlanId("p"), StepId("far"), releases=releases
    )
    request = GenerateRequest(
        ModelName("m"), (ChatMessage("user", "x"),), label=label, provenance=where
    )
    Admission(NodeName(node), "cloud", policy=policy, sentinel=Sentinel([])).check_claims(request)


def test_a_release_by_a_rule_for_this_node_passes() -> None:
    claim("cloud-a", REDACTED, APPROVED)


def test_what_another_nodes_rule_removed_passes_where_it_could_have_come_as_it_was() -> None:
    claim("cloud-eu", REDACTED)


@pytest.mark.parametrize("releases", [(REDACTED,), (APPROVED,), (REDACTED, APPROVED)])
def test_another_nodes_rule_serves_nobody_else(releases: tuple[ReleaseRecord, ...]) -> None:
    with pytest.raises(PolicyViolation, match="no rule allows to release"):
        claim("cloud-b", *releases)
    with pytest.raises(PolicyViolation, match="no rule allows to release"):
        claim("cloud-eu", REDACTED, APPROVED)


def test_a_release_of_an_unknown_kind_passes_nowhere() -> None:
    with pytest.raises(PolicyViolation):
        claim("cloud-a", ReleaseRecord("wish", (Category("person"),)))


@given(request=plan_requests())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_gate_believes_every_claim_of_a_plan_that_was_accepted(request: PlanRequest) -> None:
    try:
        made = plan(request, plan_id=PlanId("p"), graph_hash="h")
    except LeewardError:
        return
    records = tuple(
        ReleaseRecord(release.by.value, tuple(sorted(release.categories)))
        for release in made.releases
    )

    for step in made.steps:
        if step.zone == "cloud":
            event(f"releases: {len(records)}, form: {step.form.value}")
            releases = records if step.form is Form.RELEASED else ()
            claim(step.node, *releases, label=step.label, policy=request.policy)
