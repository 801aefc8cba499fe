"""The preview's report: what it says first, what it folds, what it costs, and how the command ends."""

import html
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
from typer.testing import CliRunner

from components.node_pool import AutoNodePoolArgs, node_pool_spec
from operations.cli import app
from operations.differences import Difference
from operations.drift import Drift, Drifted
from operations.preview_command import Forge, Form, Grave, exit_code, rendered
from operations.review.accelerators import ceiling, dearest_fill
from operations.review.model import Report, Running, Verdict, report_of
from prices import Resource
from tests.unit.preview_events import (
    BUCKET,
    MARKED,
    NAT,
    ROLE,
    UNKNOWN,
    created,
    deleted,
    diagnostic,
    environment,
    refusal,
    replaced,
    report,
    same,
    state,
    step,
    updated,
    urn,
)

pytestmark = pytest.mark.unit
SCHEMA = Path(__file__).parents[2] / "operations" / "review" / "report.schema.json"
TEAM = "groundwork:ml:Team"


def forms(made: Report) -> dict[Form, str]:
    return {form: rendered(made, form, Forge.github) for form in Form}


def test_nothing_to_do_is_said_in_a_line():
    role = state("role")
    made = environment(same(role), [role])
    assert (made.verdict, made.headline) == (Verdict.unchanged, "Nothing would change")
    assert made.counts.same == 1


@pytest.mark.parametrize(
    ("events", "verdict"),
    [
        (created("role"), Verdict.changes),
        (deleted(state("role")), Verdict.destructive),
        (replaced(state("data", BUCKET, {"bucket": "a"}), {"bucket": "b"}), Verdict.loss),
        ([*deleted(state("data", BUCKET)), refusal("data")], Verdict.refused),
        ([*deleted(state("data", BUCKET)), refusal("data"), diagnostic("broken")], Verdict.failed),
        ([*created("role"), refusal("role", level="advisory")], Verdict.changes),
    ],
)
def test_the_gravest_thing_is_the_verdict(events: list[dict[str, Any]], verdict: Verdict):
    assert environment(events).verdict is verdict


def test_a_replaced_bucket_comes_first_with_its_cause_and_what_depends_on_it():
    bucket = state("data", BUCKET, {"bucket": "old-name"})
    team = state("team-research", TEAM)
    role = state("team-research-submit", parent=team["urn"])
    policy = state("policy", propertyDependencies={"role": [role["urn"]]}, dependencies=[bucket["urn"]])
    block = state("block", dependencies=[bucket["urn"]])
    access = state("training-research", dependencies=[policy["urn"]])
    resources = [bucket, team, role, policy, block, access]
    made = environment([*created("new"), *replaced(bucket, {"bucket": "new-name"}), *same(role)], resources)
    (loss,) = made.losses
    assert (loss.operation, loss.name) == ("replace", "data")
    assert [(each.path, each.before, each.after) for each in loss.causes] == [("bucket", "old-name", "new-name")]
    assert loss.radius is not None
    assert (loss.radius.resources, loss.radius.teams) == (3, ("research",))
    assert "objects" in loss.loses
    for form, text in forms(report_of((made,))).items():
        if form is not Form.json:
            assert text.index("old-name") < text.index("iam Role"), form


def test_a_shared_network_touches_every_team_and_says_what_they_run():
    network = state("network", "aws:ec2/vpc:Vpc")
    teams = [state(f"team-{name}", TEAM) for name in ("research", "research-two")]
    namespaces = [
        state(f"team-{name}-namespace", "kubernetes:core/v1:Namespace", dependencies=[network["urn"]])
        for name in ("research", "research-two")
    ]
    running = [Running(kind="endpoint", name="demo", team="research")]
    made = environment(deleted(network), [network, *teams, *namespaces], running=running)
    assert made.touched.teams == ("research", "research-two")
    assert "2 teams touched; 1 running job or endpoint" in made.headline
    assert "endpoint `demo` of `research`" in forms(report_of((made,)))[Form.markdown]


def test_what_could_not_be_asked_is_never_said_to_be_nothing():
    made = report_of((environment(deleted(state("role")), running=None),))
    assert "whether jobs or endpoints run is not known" in forms(made)[Form.text]


def test_a_retained_resource_is_not_lost_and_a_protected_one_is_said_to_be():
    kept = state("kept", BUCKET, retainOnDelete=True)
    made = environment(deleted(kept))
    assert (made.losses, made.verdict) == ((), Verdict.changes)
    assert "what is there stays" in forms(report_of((made,)))[Form.text]
    guarded = environment([*deleted(state("data", BUCKET, protect=True)), diagnostic("it is protected")])
    assert guarded.losses[0].protected
    assert guarded.verdict is Verdict.failed


def test_what_is_replaced_only_with_another_comes_after_it_without_its_own_story():
    subnet = state("subnet", "aws:ec2/subnet:Subnet", {"cidrBlock": "10.0.0.0/24"})
    route = state("route", "aws:ec2/route:Route", {"subnetId": "subnet-1"}, dependencies=[subnet["urn"]])
    events = [*replaced(subnet, {"cidrBlock": "10.1.0.0/24"}), *replaced(route, {"subnetId": UNKNOWN})]
    made = environment(events, [subnet, route])
    assert {each.name for each in made.endings} == {"subnet", "route"}
    comment = forms(report_of((made,)))[Form.markdown].replace("\\", "")
    assert "without anything of their own to lose (1)" in comment
    assert "for they name what is replaced (1)" in comment
    assert "because `subnetId`" not in comment


def test_creations_and_updates_are_grouped_by_the_part_of_the_platform():
    part = state("network", "groundwork:network:Network")
    inner = state("network-logs", "groundwork:network:FlowLogs", parent=part["urn"])
    events = [
        *same(part, inner),
        *created("deep", parent=inner["urn"]),
        *created("near", parent=part["urn"]),
        *created("alone"),
    ]
    made = environment(events, [part, inner])
    assert {group.component: [each.name for each in group.changes] for group in made.groups} == {
        "network": ["deep", "near"],
        "": ["alone"],
    }


def test_updates_of_tags_and_those_that_only_follow_are_folded():
    roles = [state(f"role-{number}", inputs={"tags": {"a": "1"}, "tagsAll": {"a": "1"}}) for number in range(3)]
    tagged = [event for one in roles for event in updated(one, {"tags": {"a": "2"}, "tagsAll": {"a": "2"}})]
    follows = updated(state("follower", inputs={"policy": "x"}), {"policy": UNKNOWN})
    quotas = [state(f"quota-{number}", "kubernetes:core/v1:ResourceQuota", {"pods": 1}) for number in range(5)]
    alike = [event for one in quotas for event in updated(one, {"pods": 2})]
    own = updated(state("own", inputs={"path": "/a"}), {"path": "/b"})
    made = environment([*tagged, *follows, *alike, *own])
    assert {(one.kind, len(one.resources)) for one in made.folded} == {("labels", 3), ("follows", 1), ("alike", 5)}
    assert [each.name for group in made.groups for each in group.changes] == ["own"]
    labels = next(one for one in made.folded if one.kind == "labels")
    assert labels.text == 'tags.a: "1" → "2"'


def test_another_version_of_a_provider_is_told_and_is_no_resource():
    provider = state("aws", "pulumi:providers:aws", {"version": "7.50.0"})
    made = environment(updated(provider, {"version": "7.51.1"}))
    assert [one.text for one in made.folded] == ["provider aws 7.50.0 → 7.51.1"]
    assert made.verdict is Verdict.unchanged


def test_a_broken_program_is_reported_as_such_and_nobody_takes_the_rest_for_all():
    traceback = "Program failed with an unhandled exception:\nTraceback…\nValueError: this is broken"
    made = environment([*created("role"), diagnostic(traceback)], failure="`pulumi preview` failed")
    assert (made.verdict, made.complete, made.cost) == (Verdict.failed, False, None)
    text = forms(report_of((made,)))[Form.markdown]
    assert "ValueError: this is broken" in text
    assert "ended early" in text


def test_a_preview_that_never_began_says_what_the_engine_said():
    made = environment([], end=False, failure="`pulumi preview` failed:\n    error: no stack named 'dev' found")
    assert made.verdict is Verdict.failed
    assert "no stack named" in made.problems[0].message


def test_a_refusal_names_the_rule_the_resource_and_how_to_mend_it():
    made = environment([*created("logs"), refusal("logs")], failure="`pulumi preview` failed")
    (policy,) = made.policies
    assert (policy.rule, policy.level, policy.resource) == ("log-retention", "mandatory", "logs")
    assert (policy.description, policy.found, policy.mend) == (
        "Every log group has a retention.",
        "logs never expires.",
        "Set retentionInDays.",
    )
    assert made.complete, "a policy that refuses does not end the preview"
    assert made.packs == ("groundwork 0.1.0",)


def test_the_cost_is_told_before_and_after_to_the_cent():
    nat, bucket = state("nat", NAT), state("data", BUCKET)
    made = environment([*same(bucket, nat), *created("second", NAT)], [bucket, nat])
    assert made.cost is not None
    assert made.cost.before is not None
    assert made.cost.difference == Decimal("32.85")
    assert made.cost.after.idle - made.cost.before.idle == Decimal("32.85")
    assert [(line.item, line.after - line.before) for line in made.cost.lines] == [("nat:gateway", Decimal("32.85"))]
    assert "+32.85 USD a month" in made.headline


def node_pool(limit: int, families: list[str]) -> dict[str, Any]:
    rows = [{"key": "eks.amazonaws.com/instance-family", "operator": "In", "values": families}]
    spec = {"limits": {"nvidia.com/gpu": str(limit)}, "template": {"spec": {"requirements": rows}}}
    return state("pool", "kubernetes:karpenter.sh/v1:NodePool", {"spec": spec})


def test_a_pool_of_gpus_costs_nothing_idle_and_its_limit_is_told_apart():
    made = environment([*created("pool", "x:y:Z"), *same(node_pool(4, ["g5"]))])
    assert made.cost is not None
    assert made.cost.after.accelerators_idle == 0
    assert made.cost.after.accelerators_limit > 0
    twice = environment(same(node_pool(8, ["g5"])))
    assert twice.cost is not None
    assert twice.cost.after.accelerators_limit >= 2 * made.cost.after.accelerators_limit
    assert made.cost.unknown == ("x:y:Z: nobody has entered what this type is charged for (prices/meters.py)",)


def test_the_ceiling_of_a_pool_as_the_platform_writes_it_is_the_one_by_hand():
    args = AutoNodePoolArgs(
        name="gpu-small",
        families=["g5", "g6"],
        capacity=["spot", "on-demand"],
        limit=8,
        node_role_name="",
        subnet_ids=[],
        security_group_id="",
        provider=cast(Any, None),
    )
    pool = Resource("kubernetes:karpenter.sh/v1:NodePool", "pool", {"spec": node_pool_spec(args, "default")})
    # Eight machines with one GPU each are dearer than one with eight: g5.16xlarge, with EKS Auto Mode's 12 %.
    by_hand = 8 * Decimal("4.096") * Decimal("1.12") * 730
    assert ceiling([pool], "us-east-1").usd == by_hand
    assert f"{by_hand:,.2f} dollars" in (SCHEMA.parents[2] / "docs" / "costs.md").read_text()
    assert ceiling([pool], "eu-west-1").unknown, "without a price it is no zero"


def test_the_dearest_machines_within_a_limit_are_found():
    assert dearest_fill({1: Decimal(1), 4: Decimal(6)}, 7) == 9
    assert dearest_fill({8: Decimal(1)}, 7) == 0
    assert dearest_fill({}, 7) == 0


def test_drift_is_told_with_what_was_recorded_and_what_is():
    found = Difference(path="tags.owner", kind="changed", recorded="platform", actual="eve")
    secret = Difference(path="password", kind="changed", recorded="horse-staple", actual="battery")
    differences = (found, secret)
    drifted = Drifted(urn=urn("role"), type=ROLE, name="role", id="role", happened="changed", differences=differences)
    made = report(same(state("role")), drift=Drift(resources=(drifted,), looked_at=7))
    for form, text in forms(made).items():
        assert "owner" in text, form
        assert "horse-staple" not in text, form
    assert "1 of 7 resources are not as the program left them" in forms(made)[Form.text]


def test_several_environments_have_one_verdict_and_a_table():
    calm = environment(same(state("role")), name="local")
    grave = environment(deleted(state("data", BUCKET)), name="dev")
    made = report_of((calm, grave))
    assert made.verdict is Verdict.loss
    text = forms(made)[Form.markdown]
    assert "| `local` | unchanged |" in text.replace("✅ ", "")
    assert text.index("`local`") < text.index("## 🛑 dev")


def test_secrets_known_to_the_engine_are_hidden_in_every_copy():
    old = state("secret", "aws:ssm/parameter:Parameter", {"value": MARKED})
    new = {**old, "inputs": {"value": MARKED}, "outputs": {"value": "horse-staple-7"}}
    events = step("update", old, new, diffs=["value"], detailedDiff={"value": {"diffKind": "update"}})
    made = report([*events, diagnostic("the value is horse-staple-7 now", "warning")])
    for form, text in forms(made).items():
        assert "horse-staple" not in text, form
    assert "[secret]" in forms(made)[Form.text]


def test_account_numbers_are_left_out():
    made = report(replaced(state("data", BUCKET, {"bucket": "b-111122223333"}), {"bucket": "c-111122223333"}))
    for form, text in forms(made).items():
        assert "111122223333" not in text, form


def test_nobody_gets_markup_or_a_mention_into_a_comment():
    name = "x`</code></details><img src=//e.example/p onerror=alert(1)>|@everyone"
    words = "@admin see #1 <script>alert(1)</script> ![a](https://e.example/p) **bold**"
    texts = forms(report(created(name), [diagnostic(words, "warning", "a")]))
    page, comment = texts[Form.html], texts[Form.markdown]
    assert not re.search(r"<(script|img)", page)
    assert "default-src 'none'" in html.unescape(page)
    # A code span of two backticks holds the name: what is in it is neither markup nor a mention.
    assert f"`` {name} ``" in comment
    outside = comment.replace(f"`` {name} ``", "").replace(f"`` {name}-id ``", "")
    assert not re.search(r"@\w|#\d|(?<!\\)<script|(?<!\\)\[a|https://|(?<!\\)\*bold", outside), outside


def test_a_terminal_obeys_nothing_that_a_change_has_put_into_a_name():
    assert "\x1b" not in rendered(report(created("\x1b[31mred")), Form.text, Forge.github)


def test_the_published_schema_is_the_reports_and_a_report_keeps_to_it():
    published = json.loads(SCHEMA.read_text())
    assert published == Report.model_json_schema(mode="serialization"), (
        "write it: groundwork preview --schema > operations/review/report.schema.json"
    )
    made = report([*replaced(state("data", BUCKET, {"bucket": "a"}), {"bucket": "b"}), refusal("data")])
    jsonschema.validate(json.loads(forms(made)[Form.json]), published)
    assert Report.model_validate_json(forms(made)[Form.json]) == made


@pytest.mark.parametrize(
    ("events", "fail_on", "status"),
    [
        (created("a"), None, 0),
        (created("a"), Grave.changes, 5),
        (created("a"), Grave.loss, 0),
        (deleted(state("data", BUCKET)), None, 0),
        (deleted(state("data", BUCKET)), Grave.destructive, 5),
        ([refusal("a")], None, 3),
        ([diagnostic("broken")], Grave.loss, 4),
    ],
)
def test_the_command_ends_with_what_a_pipeline_must_know(
    events: list[dict[str, Any]], fail_on: Grave | None, status: int
):
    assert exit_code(report(events), fail_on) == status


def test_the_command_prints_its_schema_and_wants_an_environment():
    shown = CliRunner().invoke(app, ["preview", "--schema"])
    assert (shown.exit_code, json.loads(shown.stdout)["title"]) == (0, "Report")
    assert CliRunner().invoke(app, ["preview"]).exit_code == 2
