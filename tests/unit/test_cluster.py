"""The cluster: EKS Auto Mode's recipe, access entries, and a provider that neither moves nor locks itself out."""

import json

import pytest

from components.cluster import Cluster, ClusterArgs, kubeconfig
from tests.unit.parts import KEY, PLACEMENT, with_aws
from tests.unit.recording import ACCOUNT, Recording, record

pytestmark = pytest.mark.unit
ADMIN = f"arn:aws:iam::{ACCOUNT}:role/admin"


def built(public: tuple[str, ...] = ()) -> Recording:
    args = ClusterArgs(
        placement=PLACEMENT,
        version="1.35",
        subnet_ids=["subnet-1", "subnet-2"],
        admin_arns={"role-admin": ADMIN},
        secrets_key_arn=KEY,
        logs_key_arn=KEY,
        profile="groundwork-dev",
        public_access_cidrs=public,
    )
    return record(lambda: Cluster("cluster", args, with_aws()))


def test_auto_mode_is_on_in_all_three_places():
    inputs = built().one("aws:eks/cluster:Cluster").inputs
    assert inputs["computeConfig"]["enabled"] is True
    assert inputs["kubernetesNetworkConfig"]["elasticLoadBalancing"] == {"enabled": True}
    assert inputs["storageConfig"] == {"blockStorage": {"enabled": True}}
    assert inputs["computeConfig"]["nodePools"] == ["general-purpose", "system"]
    assert inputs["bootstrapSelfManagedAddons"] is False


def test_access_is_by_entries_alone():
    recording = built()
    access = recording.one("aws:eks/cluster:Cluster").inputs["accessConfig"]
    assert access == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    entry = recording.one("aws:eks/accessEntry:AccessEntry").inputs
    assert (entry["principalArn"], entry["type"]) == (ADMIN, "STANDARD")
    association = recording.one("aws:eks/accessPolicyAssociation:AccessPolicyAssociation").inputs
    assert association["policyArn"].endswith(":cluster-access-policy/AmazonEKSClusterAdminPolicy")
    assert association["accessScope"] == {"type": "cluster"}


def test_secrets_are_encrypted_and_the_control_plane_is_logged():
    recording = built()
    inputs = recording.one("aws:eks/cluster:Cluster").inputs
    assert inputs["encryptionConfig"] == {"provider": {"keyArn": KEY}, "resources": ["secrets"]}
    assert inputs["enabledClusterLogTypes"] == ["api", "audit", "authenticator"]
    group = recording.one("aws:cloudwatch/logGroup:LogGroup").inputs
    assert group["name"] == "/aws/eks/groundwork-dev/cluster"
    assert group["kmsKeyId"] == KEY


def test_the_api_is_private_unless_ranges_are_given():
    private = built().one("aws:eks/cluster:Cluster").inputs["vpcConfig"]
    assert (private["endpointPrivateAccess"], private["endpointPublicAccess"]) == (True, False)
    public = built(("198.51.100.0/24",)).one("aws:eks/cluster:Cluster").inputs["vpcConfig"]
    assert public["endpointPublicAccess"] is True
    assert public["publicAccessCidrs"] == ["198.51.100.0/24"]


def test_the_roles_have_the_policies_that_auto_mode_documents():
    attached = built().of("aws:iam/rolePolicyAttachment:RolePolicyAttachment").values()
    by_role: dict[str, set[str]] = {}
    for item in attached:
        by_role.setdefault(item.inputs["role"], set()).add(item.inputs["policyArn"].rsplit("/", 1)[-1])
    assert by_role == {
        "groundwork-dev-cluster": {
            "AmazonEKSClusterPolicy",
            "AmazonEKSComputePolicy",
            "AmazonEKSBlockStoragePolicy",
            "AmazonEKSLoadBalancingPolicy",
            "AmazonEKSNetworkingPolicy",
        },
        "groundwork-dev-nodes": {"AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly"},
    }


def test_eks_may_tag_the_session_of_the_cluster_role():
    statement = built().policy("aws:iam/role:Role", "cluster-roles-cluster", "assumeRolePolicy")[0]
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]


def test_the_provider_is_known_by_the_cluster_and_holds_no_token():
    provider = built().one("pulumi:providers:kubernetes").inputs
    assert provider["clusterIdentifier"] == f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/groundwork-dev"
    user = json.loads(provider["kubeconfig"])["users"][0]["user"]
    assert set(user) == {"exec"}
    assert user["exec"]["command"] == "aws"


def test_the_kubeconfig_asks_for_tokens_with_the_environments_profile_and_never_changes_by_itself():
    text = kubeconfig("c", "https://c.example", "Q0E=", "us-east-1", "groundwork-dev")
    assert text == kubeconfig("c", "https://c.example", "Q0E=", "us-east-1", "groundwork-dev")
    call = json.loads(text)["users"][0]["user"]["exec"]
    assert call["args"] == ["--region", "us-east-1", "eks", "get-token", "--cluster-name", "c", "--output", "json"]
    assert call["env"] == [{"name": "AWS_PROFILE", "value": "groundwork-dev"}]


def test_a_destroy_does_not_lock_itself_out_of_the_cluster():
    dependencies = built().one("pulumi:providers:kubernetes").dependencies
    assert {"cluster-admin-role-admin", "cluster-admin-role-admin-policy", "cluster"} <= dependencies


def test_the_cluster_comes_after_its_log_group_and_its_policies():
    dependencies = built().one("aws:eks/cluster:Cluster").dependencies
    assert "cluster-logs" in dependencies
    assert "cluster-roles-cluster-AmazonEKSComputePolicy" in dependencies
