"""EKS as the platform uses it: Auto Mode's rules, access entries, and the tokens of the genuine `aws eks get-token`."""

import base64
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_server_process import AwsServerProcess

pytestmark = pytest.mark.local

POLICY = "arn:aws:eks::aws:cluster-access-policy/"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServerProcess]:
    process = AwsServerProcess(tmp_path_factory.mktemp("eks"))
    process.start()
    iam = process.client("iam")
    principals = {
        "cluster": {"Service": "eks.amazonaws.com"},
        "node": {"Service": "ec2.amazonaws.com"},
        "team": {"AWS": "arn:aws:iam::123456789012:root"},
        "pod": {"Service": "pods.eks.amazonaws.com"},
    }
    for name, principal in principals.items():
        statement = {
            "Effect": "Allow",
            "Principal": principal,
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    yield process
    process.ensure_stopped()


def role(name: str) -> str:
    return f"arn:aws:iam::123456789012:role/{name}"


def auto_mode(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "roleArn": role("cluster"),
        "resourcesVpcConfig": {"endpointPrivateAccess": True},
        "accessConfig": {"authenticationMode": "API"},
        "bootstrapSelfManagedAddons": False,
        "computeConfig": {
            "enabled": True,
            "nodePools": ["general-purpose", "system"],
            "nodeRoleArn": role("node"),
        },
        "kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": True}},
        "storageConfig": {"blockStorage": {"enabled": True}},
        **changes,
    }


@pytest.fixture(scope="module")
def main(server: AwsServerProcess) -> str:
    """A cluster that the tests below share."""
    server.client("eks").create_cluster(**auto_mode("main"))
    return "main"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"storageConfig": {"blockStorage": {"enabled": False}}}, "all either fully enabled or fully disabled"),
        ({"kubernetesNetworkConfig": {}}, "elasticLoadBalancing.enabled=false"),
        ({"bootstrapSelfManagedAddons": True}, "bootstrapSelfManagedAddons must be set to false"),
        ({"accessConfig": {"authenticationMode": "CONFIG_MAP"}}, "authentication mode"),
        ({"computeConfig": {"enabled": True, "nodePools": ["gpu"], "nodeRoleArn": role("node")}}, "gpu"),
        ({"computeConfig": {"enabled": True, "nodePools": ["system"]}}, "given together"),
        ({"roleArn": role("nobody")}, "does not exist"),
        ({"resourcesVpcConfig": {"endpointPublicAccess": False}}, "cannot both be disabled"),
        ({"resourcesVpcConfig": {"subnetIds": ["subnet-nowhere"]}}, "subnet-nowhere"),
    ],
)
def test_a_cluster_whose_parts_do_not_fit_is_refused(
    server: AwsServerProcess, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ClientError) as refused:
        server.client("eks").create_cluster(**auto_mode("refused", **changes))
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"
    assert said in refused.value.response["Error"]["Message"]
    assert "refused" not in server.client("eks").list_clusters()["clusters"]


def test_a_cluster_is_described_with_all_that_it_was_made_with(server: AwsServerProcess) -> None:
    ec2, eks = server.client("ec2"), server.client("eks")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for n, zone in enumerate(("us-east-1a", "us-east-1b"))
    ]
    wanted = auto_mode("whole", resourcesVpcConfig={"subnetIds": subnets}, deletionProtection=True, tags={"a": "b"})
    eks.create_cluster(**wanted)
    cluster = eks.describe_cluster(name="whole")["cluster"]
    for member in ("computeConfig", "storageConfig", "tags", "deletionProtection", "roleArn"):
        assert cluster[member] == wanted[member]
    assert cluster["status"] == "ACTIVE"
    assert cluster["resourcesVpcConfig"]["vpcId"] == vpc
    group = cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"] == vpc
    with pytest.raises(ClientError, match="deletion protection"):
        eks.delete_cluster(name="whole")
    eks.update_cluster_config(name="whole", deletionProtection=False)
    eks.delete_cluster(name="whole")
    assert "whole" not in eks.list_clusters()["clusters"]
    left = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    assert [one["GroupName"] for one in left] == ["default"]


def test_only_one_kind_of_change_is_made_at_a_time(server: AwsServerProcess, main: str) -> None:
    eks = server.client("eks")
    logging = {"clusterLogging": [{"types": ["api"], "enabled": True}]}
    with pytest.raises(ClientError, match="Only one type of update"):
        eks.update_cluster_config(name=main, logging=logging, deletionProtection=False)
    update = eks.update_cluster_config(name=main, logging=logging)["update"]
    assert eks.describe_update(name=main, updateId=update["id"])["update"]["status"] == "Successful"
    assert eks.describe_cluster(name=main)["cluster"]["logging"] == logging


def test_the_creator_and_auto_modes_nodes_have_entries(server: AwsServerProcess, main: str) -> None:
    eks = server.client("eks")
    creator = "arn:aws:iam::123456789012:user/platform-admin"
    assert {creator, role("node")} <= set(eks.list_access_entries(clusterName=main)["accessEntries"])
    policies = eks.list_associated_access_policies(clusterName=main, principalArn=creator)["associatedAccessPolicies"]
    assert [one["policyArn"] for one in policies] == [f"{POLICY}AmazonEKSClusterAdminPolicy"]
    assert eks.describe_access_entry(clusterName=main, principalArn=role("node"))["accessEntry"]["type"] == "EC2"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"principalArn": role("nobody")}, "does not exist"),
        ({"principalArn": "arn:aws:iam::123456789012:root"}, "names no IAM role or user"),
        ({"kubernetesGroups": ["system:masters"]}, "cannot start with"),
        ({"username": "system:admin"}, "cannot start with"),
        ({"type": "EC2", "kubernetesGroups": ["g"]}, "cannot be set"),
    ],
)
def test_an_access_entry_that_eks_would_refuse_is_refused(
    server: AwsServerProcess, main: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ClientError, match=said):
        server.client("eks").create_access_entry(**{"clusterName": main, "principalArn": role("cluster"), **changes})


def test_an_add_ons_pod_identities_come_and_go_with_it(server: AwsServerProcess, main: str) -> None:
    eks = server.client("eks")
    wanted = [{"serviceAccount": "agent", "roleArn": role("pod")}]
    addon = eks.create_addon(
        clusterName=main, addonName="amazon-cloudwatch-observability", podIdentityAssociations=wanted
    )["addon"]
    (made,) = eks.list_pod_identity_associations(clusterName=main)["associations"]
    assert addon["podIdentityAssociations"] == [made["associationArn"]]
    assert made["namespace"] == "amazon-cloudwatch"
    with pytest.raises(ClientError, match="belongs to the add-on"):
        eks.delete_pod_identity_association(clusterName=main, associationId=made["associationId"])
    eks.delete_addon(clusterName=main, addonName="amazon-cloudwatch-observability")
    assert eks.list_pod_identity_associations(clusterName=main)["associations"] == []


def test_a_pod_identity_needs_a_role_that_pods_may_assume(server: AwsServerProcess, main: str) -> None:
    eks = server.client("eks")
    place = {"clusterName": main, "namespace": "n", "serviceAccount": "s"}
    with pytest.raises(ClientError, match=r"pods\.eks\.amazonaws\.com"):
        eks.create_pod_identity_association(**place, roleArn=role("team"))
    made = eks.create_pod_identity_association(**place, roleArn=role("pod"))["association"]
    with pytest.raises(ClientError, match="already exists"):
        eks.create_pod_identity_association(**place, roleArn=role("pod"))
    eks.delete_pod_identity_association(clusterName=main, associationId=made["associationId"])


def token(server: AwsServerProcess, cluster: str, *options: str) -> str:
    shown = server.aws("eks", "get-token", "--cluster-name", cluster, *options)
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)["status"]["token"]


def ask(server: AwsServerProcess, page: str, spec: dict[str, Any]) -> dict[str, Any]:
    kind = {"authenticate": "TokenReview", "authorize": "SubjectAccessReview"}[page]
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": kind, "spec": spec}
    url = f"{server.url}/_groundwork/kubernetes/{page}"
    with urllib.request.urlopen(urllib.request.Request(url, data=json.dumps(review).encode())) as answer:
        return json.load(answer)["status"]


def test_a_genuine_token_is_the_callers_access_entry(server: AwsServerProcess, main: str) -> None:
    eks = server.client("eks")
    eks.create_access_entry(clusterName=main, principalArn=role("team"), kubernetesGroups=["ml-team"])
    mine = ask(server, "authenticate", {"token": token(server, main)})
    assert mine["user"]["username"] == "arn:aws:iam::123456789012:user/platform-admin"
    team = ask(server, "authenticate", {"token": token(server, main, "--role-arn", role("team"))})
    assert team["user"]["groups"] == ["ml-team"]
    assert team["user"]["username"].startswith("arn:aws:sts::123456789012:assumed-role/team/")
    eks.delete_access_entry(clusterName=main, principalArn=role("team"))
    refused = ask(server, "authenticate", {"token": token(server, main, "--role-arn", role("team"))})
    assert refused == {"authenticated": False, "error": f"{role('team')} has no access entry on cluster main"}


def changed(genuine: str, old: str, new: str) -> str:
    encoded = genuine.removeprefix("k8s-aws-v1.")
    url = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    assert old in url
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.replace(old, new).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("GetCallerIdentity", "GetAccessKeyInfo", "not for GetCallerIdentity"),
        ("X-Amz-Expires=60", "X-Amz-Expires=61", "signature is not right"),
        ("X-Amz-SignedHeaders=host%3Bx-k8s-aws-id", "X-Amz-SignedHeaders=host", "x-k8s-aws-id"),
        ("127.0.0.1", "127.0.0.2", "not STS"),
        ("X-Amz-Date=20", "X-Amz-Date=19", "not valid any more"),
        ("X-Amz-Credential=", "X-Amz-Credential=X", "is unknown"),
        ("&X-Amz-Date", "&x=y&X-Amz-Date", "unknown parameters"),
    ],
)
def test_a_token_that_was_tampered_with_is_refused(
    server: AwsServerProcess, main: str, old: str, new: str, said: str
) -> None:
    answer = ask(server, "authenticate", {"token": changed(token(server, main), old, new)})
    assert answer["authenticated"] is False
    assert said in answer["error"]


def test_a_token_for_another_cluster_is_refused(server: AwsServerProcess, main: str) -> None:
    assert ask(server, "authenticate", {"token": token(server, "other")})["authenticated"] is False
    assert ask(server, "authenticate", {"token": "not a token"})["authenticated"] is False


def test_access_policies_allow_what_they_say_within_their_scope(server: AwsServerProcess, main: str) -> None:
    eks = server.client("eks")
    eks.create_access_entry(clusterName=main, principalArn=role("pod"))
    entry = {"clusterName": main, "principalArn": role("pod")}
    eks.associate_access_policy(
        **entry,
        policyArn=f"{POLICY}AmazonEKSViewPolicy",
        accessScope={"type": "namespace", "namespaces": ["team-a", "ml-*"]},
    )
    extra = {"canonicalArn": [role("pod")]}

    def may(verb: str, resource: str, namespace: str) -> bool:
        attributes = {"verb": verb, "resource": resource, "namespace": namespace, "group": ""}
        return ask(server, "authorize", {"user": "u", "extra": extra, "resourceAttributes": attributes})["allowed"]

    assert may("get", "pods", "team-a")
    assert may("list", "configmaps", "ml-one")
    assert not may("delete", "pods", "team-a")
    assert not may("get", "secrets", "team-a")
    assert not may("get", "pods", "kube-system")
    assert not may("get", "pods", "")
    eks.associate_access_policy(
        **entry, policyArn=f"{POLICY}AmazonEKSClusterAdminPolicy", accessScope={"type": "cluster"}
    )
    assert may("delete", "nodes", "")
    assert may("get", "secrets", "kube-system")
    eks.delete_access_entry(**entry)
    assert not may("get", "pods", "team-a")


def test_an_access_policy_that_does_not_exist_is_refused(server: AwsServerProcess, main: str) -> None:
    with pytest.raises(ClientError, match="no EKS access policy"):
        server.client("eks").associate_access_policy(
            clusterName=main,
            principalArn="arn:aws:iam::123456789012:user/platform-admin",
            policyArn=f"{POLICY}AmazonEKSEverythingPolicy",
            accessScope={"type": "cluster"},
        )


def test_of_versions_it_says_what_it_knows_and_insights_there_are_none(server: AwsServerProcess, main: str):
    eks = server.client("eks")
    told = eks.describe_cluster_versions(clusterVersions=["1.34", "1.35"])["clusterVersions"]
    assert [each["clusterVersion"] for each in told] == ["1.34", "1.35"]
    assert not any("endOfStandardSupportDate" in each for each in told)
    with pytest.raises(ClientError, match="no list of EKS's versions"):
        eks.describe_cluster_versions()
    assert eks.list_insights(clusterName=main)["insights"] == []
    with pytest.raises(eks.exceptions.ResourceNotFoundException):
        eks.list_insights(clusterName="other")
