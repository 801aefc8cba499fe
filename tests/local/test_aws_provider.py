"""The AWS provider plugin beyond the life of one type: errors, names, tags, imports, parallel work, its process."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from local.providers.harness import ROOT, AwsServer, Live, Plugin, ProviderError
from local.providers.values import UNKNOWN
from tests.local.sagemaker_server import alive

pytestmark = [pytest.mark.local, pytest.mark.timeout(120)]

VPC = "aws:ec2/vpc:Vpc"
BUCKET = "aws:s3/bucket:Bucket"
ROLE = "aws:iam/role:Role"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["eks.amazonaws.com", "ec2.amazonaws.com"]},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
            }
        ],
    }
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with AwsServer(Path(tmp_path_factory.mktemp("aws"))) as running:
        yield running


@pytest.fixture(scope="module")
def process(server: AwsServer) -> Iterator[Plugin]:
    running = Plugin(server.environment, {"region": "us-east-1"})
    yield running
    running.close()


@pytest.fixture
def plugin(process: Plugin) -> Iterator[Plugin]:
    """The plugin; what a test created is deleted afterwards, newest first."""
    yield process
    for live in reversed(process.created):
        with suppress(ProviderError):
            process.delete(live)
    process.created.clear()


def drift(plugin: Plugin, live: Live) -> set[str]:
    """Paths that the next preview shows after a refresh."""
    found = plugin.read(live)
    assert found is not None
    return set(plugin.diff(found, live.inputs).detailedDiff)


def auto_mode(node_role: str) -> dict[str, object]:
    return {
        "computeConfig": {"enabled": True, "nodePools": ["general-purpose", "system"], "nodeRoleArn": node_role},
        "kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": True}},
        "storageConfig": {"blockStorage": {"enabled": True}},
    }


def make_cluster(plugin: Plugin, **more: object) -> tuple[Live, str]:
    """A cluster and the ARN of a role that may be its nodes'."""
    vpc = plugin.create(VPC, "net", {"cidrBlock": "10.0.0.0/16"})
    subnets = [
        plugin.create(
            "aws:ec2/subnet:Subnet",
            f"subnet-{zone}",
            {"vpcId": vpc.id, "cidrBlock": f"10.0.{number}.0/24", "availabilityZone": f"us-east-1{zone}"},
        ).id
        for number, zone in enumerate("ab")
    ]
    role = plugin.create(ROLE, "role", {"assumeRolePolicy": TRUST}).state["arn"]
    inputs = {
        "roleArn": role,
        "vpcConfig": {"subnetIds": subnets},
        "accessConfig": {"authenticationMode": "API"},
        "bootstrapSelfManagedAddons": False,
        **more,
    }
    return plugin.create("aws:eks/cluster:Cluster", "cluster", inputs), role


def test_an_unknown_type_is_named(plugin: Plugin) -> None:
    with pytest.raises(ProviderError, match=r"aws:sqs/queue:Queue is not a resource type .* `groundwork local types`"):
        plugin.create("aws:sqs/queue:Queue", "jobs", {})


def test_an_unknown_property_is_named_with_the_nearest_right_one(plugin: Plugin) -> None:
    _, failures = plugin.check(Live(VPC, "net"), {"cidrBlok": "10.0.0.0/16"})
    assert failures[0][0] == "cidrBlok"
    assert "Did you mean 'cidrBlock'?" in failures[0][1]


def test_a_missing_property_inside_a_block_is_named(plugin: Plugin) -> None:
    _, failures = plugin.check(
        Live("aws:s3/bucketOwnershipControls:BucketOwnershipControls", "own"), {"bucket": "b", "rule": {}}
    )
    assert failures == [
        (
            "objectOwnership",
            "aws:s3/bucketOwnershipControls:BucketOwnershipControls.rule: the property 'objectOwnership' is required.",
        )
    ]


def test_a_half_switched_auto_mode_is_refused_before_anything_is_made(plugin: Plugin) -> None:
    _, failures = plugin.check(
        Live("aws:eks/cluster:Cluster", "cluster"),
        {"roleArn": "arn", "vpcConfig": {"subnetIds": ["a"]}, "computeConfig": {"enabled": True}},
    )
    assert "must all be true or all be false" in failures[0][1]


def test_an_error_names_service_operation_resource_and_what_aws_said(plugin: Plugin) -> None:
    with pytest.raises(
        ProviderError,
        match=r"^ec2:CreateSubnet for aws:ec2/subnet:Subnet 'private': InvalidVpcID\.NotFound: .*vpc-0123",
    ):
        plugin.create("aws:ec2/subnet:Subnet", "private", {"vpcId": "vpc-0123", "cidrBlock": "10.0.0.0/24"})


def test_a_value_outside_of_an_enumeration_is_refused_with_the_allowed_ones(plugin: Plugin) -> None:
    repository = {"imageTagMutability": "FROZEN"}
    with pytest.raises(ProviderError, match="imageTagMutability: 'FROZEN' is not one of MUTABLE, IMMUTABLE"):
        plugin.create("aws:ecr/repository:Repository", "images", repository)


def test_an_operation_that_the_server_lacks_is_one_clear_sentence(tmp_path: Path) -> None:
    page = tmp_path / "server.py"
    page.write_text(
        "import http.server\n"
        "class Page(http.server.BaseHTTPRequestHandler):\n"
        "    def do_POST(self):\n"
        "        self.send_response(500); self.send_header('Content-Type', 'text/html'); self.end_headers()\n"
        "        self.wfile.write(b'<!doctype html><title>500 Internal Server Error</title>')\n"
        "    def log_message(self, *_): pass\n"
        "server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Page)\n"
        "print(server.server_port, flush=True)\n"
        "server.serve_forever()\n"
    )
    html = subprocess.Popen([sys.executable, str(page)], stdout=subprocess.PIPE)
    assert html.stdout is not None
    url = f"http://127.0.0.1:{int(html.stdout.readline())}"
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": url}
    plugin = Plugin(keys, {"region": "us-east-1"})
    try:
        for token, inputs, operation in (
            (VPC, {"cidrBlock": "10.0.0.0/16"}, "ec2:CreateVpc"),
            ("aws:ecr/repository:Repository", {}, "ecr:CreateRepository"),
        ):
            with pytest.raises(ProviderError) as caught:
                plugin.create(token, "subject", inputs)
            assert str(caught.value) == (
                f"{operation} for {token} 'subject': the AWS server at {url} does not implement this operation."
            )
    finally:
        plugin.close()
        html.kill()
        html.wait(5)


def test_a_resource_that_is_not_completed_is_handed_to_the_engine_all_the_same(plugin: Plugin) -> None:
    with pytest.raises(ProviderError) as caught:
        plugin.create("aws:ec2/internetGateway:InternetGateway", "out", {"vpcId": "vpc-0123"})
    failed = caught.value.init_failed
    assert failed is not None
    assert failed.id.startswith("igw-")
    assert "ec2:AttachInternetGateway" in failed.reasons[0]
    plugin.delete(Live("aws:ec2/internetGateway:InternetGateway", "out", failed.id))


def test_another_account_is_refused(server: AwsServer) -> None:
    with pytest.raises(ProviderError, match="AWS account ID not allowed: 123456789012"):
        Plugin(server.environment, {"region": "us-east-1", "allowedAccountIds": json.dumps(["999999999999"])})


def test_a_physical_name_is_made_up_once_and_kept(plugin: Plugin) -> None:
    role = plugin.create(ROLE, "jobs", {"assumeRolePolicy": TRUST})
    assert role.id.startswith("jobs-")
    assert len(role.id) == len("jobs-") + 7
    again = plugin.checked(role, {"assumeRolePolicy": TRUST, "description": "new"})
    assert again["name"] == role.id
    assert "name" not in plugin.checked(role, {"assumeRolePolicy": TRUST, "name": "fixed"}).get("__defaults", [])


def test_a_made_up_bucket_name_is_valid(plugin: Plugin) -> None:
    bucket = plugin.create(BUCKET, "Team_Data", {})
    assert bucket.id.startswith("team-data-")


def test_a_fixed_name_is_deleted_before_its_replacement_is_made(plugin: Plugin) -> None:
    role = plugin.create(ROLE, "role", {"assumeRolePolicy": TRUST, "name": "fixed-name"})
    difference = plugin.diff(role, plugin.checked(role, {**role.inputs, "path": "/other/"}))
    assert list(difference.replaces) == ["path"]
    assert difference.deleteBeforeReplace
    made_up = plugin.create(ROLE, "role", {"assumeRolePolicy": TRUST})
    difference = plugin.diff(made_up, plugin.checked(made_up, {"assumeRolePolicy": TRUST, "path": "/other/"}))
    assert not difference.deleteBeforeReplace


def test_documents_and_sets_that_mean_the_same_are_no_change(plugin: Plugin) -> None:
    role = plugin.create(ROLE, "role", {"assumeRolePolicy": TRUST})
    document = json.loads(TRUST)
    document["Statement"][0]["Action"].reverse()
    same = json.dumps(document, indent=4, sort_keys=True)
    assert plugin.diff(role, {**role.inputs, "assumeRolePolicy": same}).changes == 1
    document["Statement"][0]["Effect"] = "Deny"
    assert plugin.diff(role, {**role.inputs, "assumeRolePolicy": json.dumps(document)}).changes == 2


def test_a_value_not_known_yet_replaces_where_its_change_would(plugin: Plugin) -> None:
    subnet = {"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/24"}
    live = Live("aws:ec2/subnet:Subnet", "subnet", "subnet-1", subnet, dict(subnet))
    difference = plugin.diff(live, {**subnet, "vpcId": UNKNOWN})
    assert list(difference.replaces) == ["vpcId"]


def test_a_preview_knows_what_can_be_known(plugin: Plugin) -> None:
    planned = plugin.preview_create(BUCKET, "data", {"bucket": "groundwork-data", "tags": {"a": "b"}})
    assert planned["bucket"] == "groundwork-data"
    assert planned["tagsAll"] == {"a": "b"}
    assert planned["forceDestroy"] is False
    assert planned["arn"] is UNKNOWN


def test_default_tags_are_updated_in_place_and_overridden_by_the_resource(server: AwsServer) -> None:
    def configured(**tags: str) -> dict[str, str]:
        return {"region": "us-east-1", "defaultTags": json.dumps({"tags": tags})}

    plugin = Plugin(server.environment, configured(project="groundwork", stage="one"))
    try:
        role = plugin.create(ROLE, "role", {"assumeRolePolicy": TRUST, "tags": {"stage": "own"}})
        assert role.state["tagsAll"] == {"project": "groundwork", "stage": "own"}
        plugin.configure(configured(project="renamed"))
        news = plugin.checked(role, role.inputs)
        difference = plugin.diff(role, news)
        assert set(difference.detailedDiff) == {"tagsAll"}
        assert not list(difference.replaces)
        plugin.update(role, news)
        assert role.state["tagsAll"] == {"project": "renamed", "stage": "own"}
        server.call("iam", "untag_role", RoleName=role.id, TagKeys=["project"])
        assert drift(plugin, role) == {"tagsAll"}
        plugin.delete(role)
    finally:
        plugin.close()


def test_a_bucket_with_objects_is_only_emptied_when_the_program_says_so(plugin: Plugin, server: AwsServer) -> None:
    bucket = plugin.create(BUCKET, "kept", {})
    server.call("s3", "put_bucket_versioning", Bucket=bucket.id, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        server.call("s3", "put_object", Bucket=bucket.id, Key="model.tar.gz", Body=body)
    server.call("s3", "delete_object", Bucket=bucket.id, Key="model.tar.gz")
    with pytest.raises(ProviderError, match="BucketNotEmpty"):
        plugin.delete(bucket)
    plugin.update(bucket, {**bucket.inputs, "forceDestroy": True})
    plugin.delete(bucket)
    assert plugin.read(bucket) is None


def test_a_deletion_behind_its_back_is_seen_and_deleting_again_is_no_error(plugin: Plugin, server: AwsServer) -> None:
    vpc = plugin.create(VPC, "net", {"cidrBlock": "10.0.0.0/16"})
    server.call("ec2", "delete_vpc", VpcId=vpc.id)
    assert plugin.read(vpc) is None
    plugin.delete(vpc)


@pytest.mark.parametrize(
    ("token", "bad_id", "form"),
    [
        ("aws:iam/rolePolicy:RolePolicy", "role-without-policy", "{role}:{name}"),
        ("aws:ec2/route:Route", "rtb-0123", "rtb-…_destination"),
        ("aws:eks/podIdentityAssociation:PodIdentityAssociation", "a-0123", "cluster,association"),
    ],
)
def test_an_import_id_of_another_form_is_explained(plugin: Plugin, token: str, bad_id: str, form: str) -> None:
    with pytest.raises(ProviderError) as caught:
        plugin.read(Live(token, "imported", bad_id))
    assert form in str(caught.value)
    assert bad_id in str(caught.value)


def test_a_gateway_endpoint_follows_its_route_tables(plugin: Plugin, server: AwsServer) -> None:
    vpc = plugin.create(VPC, "net", {"cidrBlock": "10.0.0.0/16"}).id
    first, second = (plugin.create("aws:ec2/routeTable:RouteTable", name, {"vpcId": vpc}).id for name in "ab")
    inputs = {"vpcId": vpc, "serviceName": "com.amazonaws.us-east-1.s3", "routeTableIds": [first]}
    endpoint = plugin.create("aws:ec2/vpcEndpoint:VpcEndpoint", "s3", inputs)
    plugin.update(endpoint, {**inputs, "routeTableIds": [second]})
    assert endpoint.state["routeTableIds"] == [second]
    server.call("ec2", "modify_vpc_endpoint", VpcEndpointId=endpoint.id, AddRouteTableIds=[first])
    assert drift(plugin, endpoint) == {"routeTableIds"}


def test_a_rule_from_another_group_keeps_its_description(plugin: Plugin) -> None:
    vpc = plugin.create(VPC, "net", {"cidrBlock": "10.0.0.0/16"}).id
    group = plugin.create("aws:ec2/securityGroup:SecurityGroup", "jobs", {"vpcId": vpc}).id
    rule = plugin.create(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "peers",
        {
            "securityGroupId": group,
            "referencedSecurityGroupId": group,
            "ipProtocol": "-1",
            "description": "jobs of several instances",
        },
    )
    assert drift(plugin, rule) == set()


def test_a_new_security_group_lets_nothing_out(plugin: Plugin) -> None:
    vpc = plugin.create(VPC, "net", {"cidrBlock": "10.0.0.0/16"}).id
    group = plugin.create("aws:ec2/securityGroup:SecurityGroup", "jobs", {"vpcId": vpc})
    assert group.state["egress"] == []


def test_a_cluster_is_upgraded_in_place(plugin: Plugin) -> None:
    cluster, _ = make_cluster(plugin, version="1.35")
    assert list(plugin.diff(cluster, {**cluster.inputs, "version": "1.36"}).replaces) == []
    plugin.update(cluster, {**cluster.inputs, "version": "1.36"})
    assert cluster.state["version"] == "1.36"
    assert drift(plugin, cluster) == set()


def test_auto_mode_is_switched_as_a_whole(plugin: Plugin) -> None:
    cluster, node_role = make_cluster(plugin)
    news = {**cluster.inputs, **auto_mode(node_role)}
    assert list(plugin.diff(cluster, news).replaces) == []
    plugin.update(cluster, news)
    assert cluster.state["computeConfig"]["enabled"] is True
    assert drift(plugin, cluster) == set()
    other = plugin.create(ROLE, "other", {"assumeRolePolicy": TRUST}).state["arn"]
    changed = {**news, "computeConfig": {**auto_mode(node_role)["computeConfig"], "nodeRoleArn": other}}  # type: ignore[dict-item]
    assert list(plugin.diff(cluster, changed).detailedDiff) == ["computeConfig.nodeRoleArn"]
    assert list(plugin.diff(cluster, changed).replaces) == ["computeConfig"]
    plugin.update(cluster, {name: value for name, value in cluster.inputs.items() if name not in auto_mode("")})
    assert drift(plugin, cluster) == set()


def test_envelope_encryption_cannot_be_taken_back(plugin: Plugin) -> None:
    key = plugin.create("aws:kms/key:Key", "key", {}).state["arn"]
    cluster, _ = make_cluster(plugin)
    news = {**cluster.inputs, "encryptionConfig": {"provider": {"keyArn": key}, "resources": ["secrets"]}}
    assert list(plugin.diff(cluster, news).replaces) == []
    plugin.update(cluster, news)
    assert drift(plugin, cluster) == set()
    without = {name: value for name, value in cluster.inputs.items() if name != "encryptionConfig"}
    assert list(plugin.diff(cluster, without).replaces) == ["encryptionConfig"]


def test_an_addon_is_upgraded_in_place(plugin: Plugin) -> None:
    cluster, _ = make_cluster(plugin)
    inputs = {"clusterName": cluster.id, "addonName": "metrics-server", "addonVersion": "v1.0.0-eksbuild.1"}
    addon = plugin.create("aws:eks/addon:Addon", "metrics", inputs)
    plugin.update(addon, {**inputs, "addonVersion": "v1.1.0-eksbuild.1"})
    assert addon.state["addonVersion"] == "v1.1.0-eksbuild.1"
    assert drift(plugin, addon) == set()


def test_a_parameter_shows_an_insecure_value(plugin: Plugin) -> None:
    parameter = plugin.create("aws:ssm/parameter:Parameter", "p", {"type": "String", "insecureValue": "$one"})
    assert parameter.state["insecureValue"] == "$one"
    plugin.update(parameter, {**parameter.inputs, "insecureValue": "two"})
    assert drift(plugin, parameter) == set()


def test_a_secret_parameter_has_its_own_key(plugin: Plugin) -> None:
    keys = [plugin.create("aws:kms/key:Key", name, {}).id for name in "ab"]
    inputs = {"type": "SecureString", "value": "hush", "keyId": keys[0]}
    parameter = plugin.create("aws:ssm/parameter:Parameter", "p", inputs)
    assert parameter.state["keyId"] == keys[0]
    plugin.update(parameter, {**parameter.inputs, "keyId": keys[1]})
    assert drift(plugin, parameter) == set()


def test_functions_answer_what_the_account_is(plugin: Plugin) -> None:
    who = plugin.invoke("aws:index/getCallerIdentity:getCallerIdentity", {})
    assert who["arn"] == "arn:aws:iam::123456789012:user/platform-admin"
    assert plugin.invoke("aws:index/getPartition:getPartition", {})["partition"] == "aws"
    assert plugin.invoke("aws:index/getRegion:getRegion", {})["name"] == "us-east-1"
    zones = plugin.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", {"state": "available"})
    assert zones["names"][:2] == ["us-east-1a", "us-east-1b"]
    with pytest.raises(ProviderError, match=r"knows the functions .*getCallerIdentity"):
        plugin.invoke("aws:ec2/getAmi:getAmi", {})


def test_resources_are_made_side_by_side(plugin: Plugin) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda n: plugin.create(ROLE, f"role-{n}", {"assumeRolePolicy": TRUST}), range(32)))
    assert len({live.id for live in made}) == 32


def test_the_process_loads_neither_the_sdk_nor_an_aws_client_before_it_needs_them() -> None:
    probe = (
        "import sys; from local.providers.light_sdk import enter_packages_without_running_them as enter; enter();"
        "import local.providers.aws.provider, local.providers.plugin;"
        "print([name for name in ('botocore', 'boto3', 'pulumi.resource', 'opentelemetry') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_the_process_ends_with_the_one_that_started_it() -> None:
    starter = (
        "import subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-m', 'local.providers.aws', '127.0.0.1:1'],"
        " stdout=subprocess.PIPE); child.stdout.readline(); print(child.pid, flush=True); sys.exit()"
    )
    answer = subprocess.run([sys.executable, "-c", starter], cwd=ROOT, capture_output=True, text=True, check=True)
    deadline = time.monotonic() + 60
    while alive(int(answer.stdout)):
        assert time.monotonic() < deadline, "the plugin outlived its engine"
        time.sleep(0.2)
