"""Pull requests on a program of the platform's own components: what each changes, and what its preview must say."""

from dataclasses import dataclass

ACCOUNT = "123456789012"
PLANTED = "AKIAIOSFODNN7EXAMPLE"
"""An access key of AWS's documentation: https://docs.aws.amazon.com/IAM/latest/UserGuide/security-creds.html"""

PROGRAM = f'''
import pulumi
import pulumi_aws as aws

from components.artifact_store import ArtifactStore, ArtifactStoreArgs
from components.keys import Keys, KeysArgs
from components.network import Network, NetworkArgs
from components.placement import Placement
from components.registry import ImageRegistry, ImageRegistryArgs
from components.tagging import platform_tags

TAGS = platform_tags("probe", {{}})
provider = aws.Provider(
    "aws",
    region="us-east-1",
    profile="groundwork-local",
    default_tags=aws.ProviderDefaultTagsArgs(tags=TAGS),
)
opts = pulumi.ResourceOptions(provider=provider)
placement = Placement(prefix="groundwork-probe", environment="probe", region="us-east-1", account_id="{ACCOUNT}")
keys = Keys("keys", KeysArgs(placement=placement, deletion_window_days=7, protect=False), opts)
store = ArtifactStore(
    "store",
    ArtifactStoreArgs(placement=placement, kms_key_arn=keys.data_arn, retention_days=90, protect=False),
    opts,
)
registry = ImageRegistry(
    "registry",
    ImageRegistryArgs(
        placement=placement,
        repositories=["training"],
        kms_key_arn=keys.data_arn,
        protect=False,
    ),
    opts,
)
network = Network(
    "network",
    NetworkArgs(
        placement=placement,
        cidr="10.20.0.0/16",
        zones=["us-east-1a", "us-east-1b"],
        nat="one",
        logs_key_arn=keys.logs_arn,
        flow_log_days=None,
    ),
    opts,
)
'''
NEWER, MISSING = "7.98.0", "7.99.0"
"""Versions of the AWS provider that a pull request asks for: a plugin that is there, and one that is not."""
SETTINGS = {"region": "us-east-1", "policy": '{"protectStateful": false, "requireBudget": false}'}


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """One pull request.

    edits: text of the program → what takes its place; each is there exactly once. more: put at the program's end.
    losses, endings: names of what would be lost, deleted or replaced; all of them. says: somewhere in the comment.
    cost: difference a month in dollars; None is not looked at. often: whether it is tried each time.
    """

    name: str
    verdict: str
    status: int = 0
    edits: tuple[tuple[str, str], ...] = ()
    more: str = ""
    losses: frozenset[str] = frozenset()
    endings: frozenset[str] = frozenset()
    says: str = ""
    cost: str | None = None
    often: bool = False


BUCKETS = frozenset({"store-data", "store-artifacts", "store-logs"})
KEYS = frozenset({"keys-data", "keys-cluster", "keys-logs"})
PULL_REQUESTS = (
    PullRequest(name="a comment in the program", verdict="unchanged", more="\n# nothing\n", cost="0.00"),
    PullRequest(
        name="a tag on everything",
        verdict="changes",
        edits=(('platform_tags("probe", {})', 'platform_tags("probe", {"cost-center": "ml"})'),),
        says="cost-center",
        often=True,
    ),
    PullRequest(
        name="another range for the network",
        verdict="loss",
        edits=(('"10.20.0.0/16"', '"10.21.0.0/16"'),),
        losses=frozenset({"network"}),
        says="because `cidrBlock`",
        often=True,
    ),
    PullRequest(
        name="the store is taken out",
        verdict="loss",
        edits=(("store = ArtifactStore(", "store = None and ArtifactStore("),),
        losses=BUCKETS,
    ),
    PullRequest(
        name="the store's key is swapped",
        verdict="changes",
        edits=(
            (
                "ArtifactStoreArgs(placement=placement, kms_key_arn=keys.data_arn",
                "ArtifactStoreArgs(placement=placement, kms_key_arn=keys.cluster_arn",
            ),
        ),
    ),
    PullRequest(
        name="the keys are renamed without an alias",
        verdict="loss",
        edits=(('Keys("keys"', 'Keys("crypto"'),),
        losses=KEYS | {"registry-training"},
        often=True,
    ),
    PullRequest(
        name="the keys are renamed with an alias",
        verdict="unchanged",
        edits=(
            ('Keys("keys"', 'Keys("crypto"'),
            (
                "deletion_window_days=7, protect=False), opts)",
                "deletion_window_days=7, protect=False), pulumi.ResourceOptions.merge("
                'opts, pulumi.ResourceOptions(aliases=[pulumi.Alias(name="keys")])))',
            ),
        ),
        often=True,
    ),
    PullRequest(
        name="a repository more",
        verdict="changes",
        edits=(('repositories=["training"]', 'repositories=["training", "serving"]'),),
        cost="0.00",
    ),
    PullRequest(
        name="sixty repositories more",
        verdict="changes",
        edits=(('repositories=["training"]', 'repositories=["training", *(f"team-{n}" for n in range(60))]'),),
        cost="0.00",
    ),
    PullRequest(
        name="a repository renamed",
        verdict="loss",
        edits=(('repositories=["training"]', 'repositories=["train"]'),),
        losses=frozenset({"registry-training"}),
        endings=frozenset({"registry-training-lifecycle"}),
    ),
    PullRequest(
        name="a way out in each zone",
        verdict="changes",
        edits=(('nat="one"', 'nat="per-zone"'),),
        cost="36.50",
        says="+36.50 USD a month",
        often=True,
    ),
    PullRequest(
        name="no way out",
        verdict="destructive",
        edits=(('nat="one"', 'nat="none"'),),
        endings=frozenset({"network-nat-a", "network-nat-a-address", "network-private-a-out", "network-private-b-out"}),
        cost="-36.50",
        often=True,
    ),
    PullRequest(
        name="a zone more",
        verdict="changes",
        edits=(('"us-east-1b"]', '"us-east-1b", "us-east-1c"]'),),
    ),
    PullRequest(
        name="versions are kept for a shorter time",
        verdict="changes",
        edits=(("retention_days=90", "retention_days=30"),),
    ),
    PullRequest(
        name="deleted keys can be saved for longer",
        verdict="changes",
        edits=(("deletion_window_days=7", "deletion_window_days=30"),),
    ),
    PullRequest(
        name="the keys are protected",
        verdict="unchanged",
        edits=(("deletion_window_days=7, protect=False", "deletion_window_days=7, protect=True"),),
    ),
    PullRequest(
        name="a file that Python cannot read",
        verdict="failed",
        status=4,
        more="\ndef broken(:\n",
        says="SyntaxError",
    ),
    PullRequest(
        name="a program that raises half-way",
        verdict="failed",
        status=4,
        edits=(("registry = ImageRegistry(", f'raise ValueError("not for {ACCOUNT}")\nregistry = ImageRegistry('),),
        says="ValueError: not for",
        often=True,
    ),
    PullRequest(
        name="a secret in plain words",
        verdict="refused",
        status=3,
        more=f"""
aws.ssm.Parameter("leak", name="/probe/leak", type="String", value="x", description="{PLANTED}", opts=opts)
""",
        says="no-plain-secrets",
        often=True,
    ),
    PullRequest(
        name="a log group that never expires",
        verdict="refused",
        status=3,
        more="""
aws.cloudwatch.LogGroup("endless", name="/probe/endless", kms_key_id=keys.logs_arn, opts=opts)
""",
        says="Set retentionInDays",
        often=True,
    ),
    PullRequest(
        name="a role that may do everything",
        verdict="refused",
        status=3,
        more="""
import json
aws.iam.Policy("all", name="all", opts=opts, policy=json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}]}
))
""",
        says="iam-no-",
    ),
    PullRequest(
        name="a resource with a secret of the engine's",
        verdict="changes",
        more=f"""
value = pulumi.Output.secret("{PLANTED}")
aws.ssm.Parameter("kept", name="/probe/kept", type="SecureString", key_id=keys.data_arn, value=value, opts=opts)
print("the value is {PLANTED}")
""",
    ),
    PullRequest(
        name="buckets may be emptied",
        verdict="changes",
        edits=(("retention_days=90, protect=False", "retention_days=90, protect=False, delete_contents=True"),),
    ),
    PullRequest(
        name="flow logs",
        verdict="changes",
        edits=(("flow_log_days=None", "flow_log_days=14"),),
        cost="0.00",
    ),
    PullRequest(
        name="an interface endpoint in both zones",
        verdict="changes",
        edits=(('nat="one"', 'nat="one", interface_endpoints=["sts"]'),),
        cost="14.60",
    ),
    PullRequest(
        name="the network is taken out",
        verdict="loss",
        edits=(("network = Network(", "network = None and Network("),),
        losses=frozenset({"network"}),
        cost="-36.50",
    ),
    PullRequest(
        name="the network is renamed without an alias",
        verdict="loss",
        edits=(('Network(\n    "network"', 'Network(\n    "net"'),),
        losses=frozenset({"network"}),
        cost="0.00",
    ),
    PullRequest(
        name="everything gets another name at AWS",
        verdict="loss",
        edits=(('prefix="groundwork-probe"', 'prefix="groundwork-other"'),),
        losses=BUCKETS,
    ),
    PullRequest(
        name="fewer images are kept",
        verdict="destructive",  # the provider replaces a policy of a repository
        endings=frozenset({"registry-training-lifecycle"}),
        edits=(('repositories=["training"]', 'repositories=["training"], keep_images=9'),),
    ),
    PullRequest(
        name="keys turn more often",
        verdict="changes",
        edits=(("deletion_window_days=7, protect=False", "deletion_window_days=7, rotation_days=90, protect=False"),),
    ),
    PullRequest(
        name="a module that is not there",
        verdict="failed",
        status=4,
        edits=(("import pulumi_aws as aws", "import pulumi_aws as aws\nimport no_such_module"),),
        says="no_such_module",
    ),
    PullRequest(
        name="a program that gives up",
        verdict="failed",
        status=4,
        more="\nraise SystemExit(3)\n",
    ),
    PullRequest(
        name="a hundred roles",
        verdict="changes",
        more="""
import json
trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
for number in range(100):
    aws.iam.Role(f"role-{number}", name=f"probe-{number}", assume_role_policy=document, opts=opts)
""",
        cost="0.00",
    ),
    PullRequest(
        name="a role that everybody may take",
        verdict="refused",
        status=3,
        more="""
import json
trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
aws.iam.Role("open", name="open", assume_role_policy=document, opts=opts)
""",
        says="iam-trust",
    ),
    PullRequest(
        name="a log group without a key",
        verdict="refused",
        status=3,
        more="""
aws.cloudwatch.LogGroup("bare", name="/probe/bare", retention_in_days=7, opts=opts)
""",
        says="encrypted-at-rest",
    ),
    PullRequest(
        name="a bucket that the internet may read",
        verdict="refused",
        status=3,
        more="""
bucket = aws.s3.Bucket("open", bucket="probe-open", opts=opts)
aws.s3.BucketPublicAccessBlock("open-block", bucket=bucket.id, block_public_acls=False, opts=opts)
""",
        says="no-public-access",
    ),
    PullRequest(
        name="something in another region",
        verdict="refused",
        status=3,
        more="""
there = aws.Provider(
    "there", region="eu-west-1", profile="groundwork-local", default_tags=aws.ProviderDefaultTagsArgs(tags=TAGS)
)
aws.sns.Topic("there", name="there", kms_master_key_id=keys.data_arn, opts=pulumi.ResourceOptions(provider=there))
""",
        says="eu-west-1",
    ),
    PullRequest(
        name="something without the platform's tags",
        verdict="refused",
        status=3,
        more="""
bare = aws.Provider("bare", region="us-east-1", profile="groundwork-local")
aws.sns.Topic("bare", name="bare", kms_master_key_id=keys.data_arn, opts=pulumi.ResourceOptions(provider=bare))
""",
        says="tags-present",
    ),
    PullRequest(
        name="an output that is a secret",
        verdict="refused",
        status=3,
        more=f"""
pulumi.export("password", "{PLANTED}")
""",
        says="no-secrets-in-outputs",
    ),
    PullRequest(
        name="the last repository is taken out",
        verdict="loss",
        edits=(('repositories=["training"]', "repositories=[]"),),
        losses=frozenset({"registry-training"}),
        endings=frozenset({"registry-training-lifecycle"}),
    ),
    PullRequest(
        name="a newer provider",
        verdict="unchanged",
        edits=(
            (
                '    "aws",\n    region=',
                f'    "aws",\n    opts=pulumi.ResourceOptions(version="{NEWER}"),\n    region=',
            ),
        ),
        says=f"→ {NEWER}",
        often=True,
    ),
    PullRequest(
        name="a provider whose plugin is not there",
        verdict="failed",
        status=4,
        edits=(
            (
                '    "aws",\n    region=',
                f'    "aws",\n    opts=pulumi.ResourceOptions(version="{MISSING}"),\n    region=',
            ),
        ),
        says=MISSING,
    ),
)
