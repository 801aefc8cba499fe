"""Grafana on the cluster, and Amazon Managed Grafana."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest
import yaml

from components.monitoring.dashboards import rendered
from components.monitoring.grafana import Grafana, GrafanaArgs
from components.monitoring.grafana_config import grafana_ini
from components.monitoring.managed_grafana import ManagedGrafana, ManagedGrafanaArgs, Saml
from infra.sections.grafana import DEFAULT_IMAGE, GrafanaSettings
from infra.setting_walk import walk
from tests.unit.parts import PLACEMENT, with_aws
from tests.unit.recording import ACCOUNT, Recording, record

pytestmark = pytest.mark.unit
WORKSPACE = f"arn:aws:aps:us-east-1:{ACCOUNT}:workspace/ws-1"
ENDPOINT = "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-1/"
GROUP = "94482488-3041-7012-2f3a-0123456789ab"
DEPLOYMENT, CONFIG_MAP = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:ConfigMap"


def on_the_cluster(admin_secret: str = "") -> Recording:
    def program() -> None:
        provider = k8s.Provider("kubernetes", kubeconfig="{}")
        args = GrafanaArgs(
            placement=PLACEMENT,
            cluster_name="groundwork-dev",
            provider=provider,
            workspace_arn=WORKSPACE,
            prometheus_endpoint=ENDPOINT,
            image=DEFAULT_IMAGE,
            admin_secret=admin_secret,
        )
        Grafana("grafana", args, pulumi.ResourceOptions(providers={"aws": aws.Provider("aws", region="us-east-1")}))

    return record(program)


@pytest.fixture(scope="module")
def grafana() -> Recording:
    return on_the_cluster()


def test_every_dashboard_has_a_config_map_of_its_own_that_the_pod_mounts(grafana: Recording):
    maps = {item.inputs["metadata"]["name"]: item.inputs["data"] for item in grafana.of(CONFIG_MAP).values()}
    mounted = {
        source["configMap"]["name"]
        for volume in grafana.one(DEPLOYMENT).inputs["spec"]["template"]["spec"]["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
    }
    assert {name for name in maps if maps[name].keys() & rendered().keys()} == mounted
    assert {file: text for name in mounted for file, text in maps[name].items()} == dict(rendered())


def test_the_data_source_is_the_platforms_own_prometheus(grafana: Recording):
    text = grafana.one(CONFIG_MAP, "grafana-data-sources").inputs["data"]["groundwork.yaml"]
    assert yaml.safe_load(text)["datasources"][0]["url"] == ENDPOINT.rstrip("/")


def test_the_pod_has_no_right_that_it_does_not_need(grafana: Recording):
    pod = grafana.one(DEPLOYMENT).inputs["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "@sha256:" in container["image"]
    namespace = grafana.one("kubernetes:core/v1:Namespace").inputs["metadata"]
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_nothing_reaches_grafana_over_the_network(grafana: Recording):
    policy = grafana.one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    assert grafana.one("kubernetes:core/v1:Service").inputs["spec"]["type"] == "ClusterIP"


def test_without_a_secret_there_is_no_administrator_and_everyone_only_reads(grafana: Recording):
    text = grafana.one(CONFIG_MAP, "grafana-config").inputs["data"]["grafana.ini"]
    assert "disable_initial_admin_creation = true" in text
    assert "org_role = Viewer" in text
    assert "org_role = Admin" not in text
    (container,) = grafana.one(DEPLOYMENT).inputs["spec"]["template"]["spec"]["containers"]
    assert all("value" in variable for variable in container["env"])


def test_with_a_secret_everyone_signs_in_and_the_password_is_only_named():
    recording = on_the_cluster("grafana-admin")
    assert (
        "[auth.anonymous]\nenabled = false" in recording.one(CONFIG_MAP, "grafana-config").inputs["data"]["grafana.ini"]
    )
    (container,) = recording.one(DEPLOYMENT).inputs["spec"]["template"]["spec"]["containers"]
    references = [each["valueFrom"]["secretKeyRef"] for each in container["env"] if "valueFrom" in each]
    assert references == [
        {"name": "grafana-admin", "key": "admin-user"},
        {"name": "grafana-admin", "key": "admin-password"},
    ]
    assert not recording.of("kubernetes:core/v1:Secret")


def test_a_changed_configuration_restarts_grafana(grafana: Recording):
    other = on_the_cluster("grafana-admin")
    key = "groundwork/configuration"
    checksums = [
        each.one(DEPLOYMENT).inputs["spec"]["template"]["metadata"]["annotations"][key] for each in (grafana, other)
    ]
    assert checksums[0] != checksums[1]


def test_grafana_reads_metrics_and_nothing_else(grafana: Recording):
    prometheus, cloudwatch = grafana.policy("aws:iam/rolePolicy:RolePolicy", "grafana-policy")
    assert prometheus["Resource"] == [WORKSPACE]
    assert cloudwatch["Sid"].endswith("Unscoped")
    assert cloudwatch["Condition"] == {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    verbs = {action.split(":")[1] for statement in (prometheus, cloudwatch) for action in statement["Action"]}
    assert all(verb.startswith(("Get", "List", "Query")) for verb in verbs)


def test_only_pods_of_this_account_take_grafanas_role(grafana: Recording):
    (trust,) = grafana.policy("aws:iam/role:Role", "grafana-role", "assumeRolePolicy")
    assert trust["Principal"] == {"Service": ["pods.eks.amazonaws.com"]}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    identity = grafana.one("aws:eks/podIdentityAssociation:PodIdentityAssociation").inputs
    assert (identity["namespace"], identity["serviceAccount"]) == ("grafana", "grafana")


def test_the_pod_is_made_after_what_gives_it_credentials(grafana: Recording):
    assert {"grafana-policy", "grafana-identity", "grafana-account"} <= grafana.one(DEPLOYMENT).dependencies


@pytest.mark.parametrize("sign_in", [True, False])
def test_grafana_calls_nobody_but_aws(sign_in: bool):
    text = grafana_ini(sign_in=sign_in)
    for line in (
        "reporting_enabled = false",
        "check_for_updates = false",
        "preinstall_disabled = true",
        "external_enabled = false",
        "sigv4_auth_enabled = true",
    ):
        assert line in text


def managed(args: ManagedGrafanaArgs) -> Recording:
    return record(lambda: ManagedGrafana("grafana", args, with_aws()))


def test_a_managed_workspace_signs_in_by_identity_center_and_names_its_administrators():
    args = ManagedGrafanaArgs(placement=PLACEMENT, workspace_arn=WORKSPACE, sign_in="AWS_SSO", admin_groups=[GROUP])
    recording = managed(args)
    workspace = recording.one("aws:grafana/workspace:Workspace").inputs
    assert workspace["authenticationProviders"] == ["AWS_SSO"]
    assert workspace["permissionType"] == "CUSTOMER_MANAGED"
    assert json.loads(workspace["configuration"])["plugins"] == {"pluginAdminEnabled": False}
    association = recording.one("aws:grafana/roleAssociation:RoleAssociation").inputs
    assert (association["role"], association["groupIds"]) == ("ADMIN", [GROUP])
    assert not recording.of("aws:grafana/workspaceSamlConfiguration:WorkspaceSamlConfiguration")


def test_a_managed_workspace_signs_in_by_saml():
    saml = Saml(metadata_url="https://idp.example/metadata", role_attribute="role", admins=["platform"])
    args = ManagedGrafanaArgs(placement=PLACEMENT, workspace_arn=WORKSPACE, sign_in="SAML", saml=saml)
    configuration = managed(args).one("aws:grafana/workspaceSamlConfiguration:WorkspaceSamlConfiguration").inputs
    assert configuration["idpMetadataUrl"] == "https://idp.example/metadata"
    assert configuration["adminRoleValues"] == ["platform"]


def test_only_workspaces_of_this_account_take_the_managed_role():
    args = ManagedGrafanaArgs(placement=PLACEMENT, workspace_arn=WORKSPACE, sign_in="AWS_SSO", admin_groups=[GROUP])
    (trust,) = managed(args).policy("aws:iam/role:Role", "grafana-role", "assumeRolePolicy")
    assert trust["Principal"] == {"Service": ["grafana.amazonaws.com"]}
    assert trust["Condition"]["StringLike"] == {"aws:SourceArn": f"arn:aws:grafana:us-east-1:{ACCOUNT}:/workspaces/*"}


def settings_of(raw: object) -> tuple[object, str]:
    walked = walk(GrafanaSettings, raw, "monitoring.grafana")
    return walked.value, "\n".join(walked.lines)


def test_grafana_runs_on_the_cluster_unless_settings_say_how_people_sign_in():
    value, problems = settings_of({})
    assert problems == ""
    assert isinstance(value, GrafanaSettings)
    assert (value.enabled, value.sign_in, value.image) == (True, None, DEFAULT_IMAGE)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"signIn": "SAML"}, "goes together with `signIn: SAML`"),
        ({"saml": {"metadataUrl": "https://idp.example/m", "admins": ["a"]}}, "goes together with `signIn: SAML`"),
        ({"signIn": "AWS_SSO"}, "name at least one group"),
        ({"adminGroups": [GROUP]}, "they go together with `signIn: AWS_SSO`"),
        ({"signIn": "AWS_SSO", "adminGroups": ["admins"]}, "the id of a group of IAM Identity Center"),
        ({"signIn": "AWS_SSO", "adminGroups": [GROUP], "adminSecret": "s"}, "has no such Secret"),
        ({"image": "grafana/grafana:latest"}, "a tag other than latest"),
        ({"image": "grafana/grafana"}, "a tag other than latest"),
        ({"signIn": "GITHUB"}, "monitoring.grafana.signIn"),
    ],
)
def test_settings_that_cannot_work_are_refused(raw: object, said: str):
    assert said in settings_of(raw)[1]


@pytest.mark.parametrize(
    "image", [DEFAULT_IMAGE, "registry.example:5000/grafana/grafana:11.6.16", "grafana/grafana:11.6.16"]
)
def test_images_of_other_registries_are_taken(image: str):
    assert settings_of({"image": image})[1] == ""
