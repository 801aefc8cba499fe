"""Cases of the rules about pools, places, tags, images, secrets and money."""

from typing import Any

from policies.model import Resource
from policies.parameters import Parameters, from_stack_config
from policies.values import UNKNOWN, Secret
from tests.policy.cases import OURS, Case, resource

POOL = "kubernetes:karpenter.sh/v1:NodePool"
GROUP = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
CLUSTER = resource("aws:eks/cluster:Cluster", "cluster")
BUDGET = "aws:budgets/budget:Budget"
STACK = "pulumi:pulumi:Stack"
ONLY_G6 = Parameters(instance_families=("g6",))
IN_VIRGINIA = Parameters(regions=("us-east-1",))
KEY_ID = "AKIA" + "ABCDEFGHIJKLMNOP"
PRIVATE_KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\nx"


def pool(families: list[str] | None = None, **spec: Any) -> list[Resource]:
    requirements = [{"key": "eks.amazonaws.com/instance-family", "operator": "In", "values": families}]
    template = {"spec": {"requirements": requirements if families else []}}
    return [resource(POOL, spec={"template": template, **spec})]


def one(kind: str, **inputs: Any) -> list[Resource]:
    return [resource(kind, **inputs)]


def provided(provider: dict[str, Any]) -> list[Resource]:
    return [Resource(type="aws:s3/bucket:Bucket", name="thing", provider=provider)]


def pod(image: str = "registry/thing:1.2.3", **container: Any) -> list[Resource]:
    containers = [{"name": "main", "image": image, **container}]
    return one(DEPLOYMENT, spec={"template": {"spec": {"containers": containers}}})


def settings(**keys: str) -> Parameters:
    config = {f"groundwork:{key}": value for key, value in keys.items()}
    return from_stack_config("groundwork", config, [])


CASES = [
    Case("pool-limit", "GPUs", pool(limits={"nvidia.com/gpu": "8"})),
    Case("pool-limit", "Neuron devices", pool(limits={"aws.amazon.com/neuron": "4"})),
    Case("pool-limit", "CPUs", pool(limits={"cpu": 64})),
    Case("pool-limit", "nothing", pool(), "spec.limits"),
    Case("pool-limit", "memory alone", pool(limits={"memory": "64Gi"}), "spec.limits"),
    Case("pool-limit", "AWS's nested example", pool(limits={"resources": {"cpu": 1}}), "flat map"),
    Case("pool-limit", "a node group", one(GROUP, scalingConfig={"minSize": 0, "maxSize": 4})),
    Case("pool-limit", "a node group without", one(GROUP, scalingConfig={"minSize": 0}), "maxSize"),
    Case("instance-families", "any where none is named", pool(["p5"])),
    Case("instance-families", "an allowed one", pool(["g6"]), parameters=ONLY_G6),
    Case("instance-families", "another", pool(["g6", "p5"]), "p5", ONLY_G6),
    Case("instance-families", "whatever comes", pool(), "any family", ONLY_G6),
    Case("instance-families", "a node group", one(GROUP, instanceTypes=["g6.xlarge"]), parameters=ONLY_G6),
    Case("instance-families", "a node group of others", one(GROUP, instanceTypes=["p5.48xlarge"]), "p5", ONLY_G6),
    Case("instance-families", "a template of others", one(TEMPLATE, instanceType="m7i.large"), "m7i", ONLY_G6),
    Case("regions", "the own", one("aws:s3/bucket:Bucket"), parameters=IN_VIRGINIA),
    Case("regions", "another of the provider's", provided(OURS | {"region": "eu-west-1"}), "eu-west-1", IN_VIRGINIA),
    Case("regions", "another of its own", one("aws:s3/bucket:Bucket", region="eu-west-1"), "eu-west-1", IN_VIRGINIA),
    Case("tags-present", "the platform's provider", provided(OURS)),
    Case("tags-present", "an object of Kubernetes", one(DEPLOYMENT)),
    Case("tags-present", "a provider without tags", provided({"region": "us-east-1"}), "managed-by"),
    Case(
        "tags-present",
        "a provider with half of them",
        provided({"defaultTags": {"tags": {"managed-by": "x"}}}),
        "groundwork:environment",
    ),
    Case("immutable-images", "a repository", one("aws:ecr/repository:Repository", imageTagMutability="IMMUTABLE")),
    Case("immutable-images", "AWS's default", one("aws:ecr/repository:Repository"), "IMMUTABLE"),
    Case("immutable-images", "a version", pod("registry:5000/thing:1.2.3")),
    Case("immutable-images", "a digest", pod("thing@sha256:0a1b")),
    Case("immutable-images", "an image that is not known yet", pod(UNKNOWN)),  # type: ignore[arg-type]
    Case("immutable-images", "latest", pod("thing:latest"), "'thing:latest'"),
    Case("immutable-images", "no tag", pod("registry:5000/thing"), "digest"),
    Case("no-plain-secrets", "a role's name", one("aws:iam/role:Role", name="x")),
    Case("no-plain-secrets", "a key id", one("aws:ssm/parameter:Parameter", value=KEY_ID), "an AWS access key"),
    Case("no-plain-secrets", "a key id that Pulumi keeps", one("aws:ssm/parameter:Parameter", value=Secret(KEY_ID))),
    Case("no-plain-secrets", "a private key", one("kubernetes:core/v1:ConfigMap", data={"a": PRIVATE_KEY}), "data.a"),
    Case(
        "no-plain-secrets", "a password that RDS keeps", one("aws:rds/instance:Instance", manageMasterUserPassword=True)
    ),
    Case("no-plain-secrets", "a password", one("aws:rds/instance:Instance", password="x" * 8), "plain password"),
    Case(
        "no-plain-secrets",
        "a Kubernetes Secret",
        one("kubernetes:core/v1:Secret", stringData={"a": "b"}),
        "Output.secret",
    ),
    Case("no-plain-secrets", "one that Pulumi keeps", one("kubernetes:core/v1:Secret", stringData=Secret({"a": "b"}))),
    Case("no-plain-secrets", "a variable", pod(env=[{"name": "DB_PASSWORD", "value": "x"}]), "DB_PASSWORD"),
    Case("no-plain-secrets", "a variable by reference", pod(env=[{"name": "DB_PASSWORD", "valueFrom": {}}])),
    Case("no-secrets-in-settings", "a region", [], parameters=settings(region="us-east-1")),
    Case(
        "no-secrets-in-settings", "the ARN of a secret", [], parameters=settings(tokenSecret="arn:aws:secretsmanager:x")
    ),
    Case("no-secrets-in-settings", "a key id", [], "access key", settings(tags='{"a": "' + KEY_ID + '"}')),
    Case("no-secrets-in-settings", "a password", [], "by its name", settings(tracking='{"password": "x"}')),
    Case("no-secrets-in-outputs", "a contract", one(STACK, contract={"region": "us-east-1"})),
    Case("no-secrets-in-outputs", "a token that Pulumi keeps", one(STACK, token=Secret("x"))),
    Case("no-secrets-in-outputs", "a token", one(STACK, token="x"), "by its name"),
    Case("no-secrets-in-outputs", "a private key", one(STACK, contract={"x": PRIVATE_KEY}), "private key"),
    Case("budget-present", "no cluster", []),
    Case("budget-present", "one that tells somebody", [CLUSTER, resource(BUDGET, notifications=[{"threshold": 80}])]),
    Case("budget-present", "where none is asked for", [CLUSTER], parameters=Parameters(require_budget=False)),
    Case("budget-present", "none", [CLUSTER], "groundwork:guardrails.budget"),
    Case("budget-present", "one that tells nobody", [CLUSTER, resource(BUDGET)], "notification"),
]
