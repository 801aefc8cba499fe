"""What the server adds to moto: operations that moto lacks, and members that it drops."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_server_process import AwsServerProcess

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServerProcess]:
    process = AwsServerProcess(tmp_path_factory.mktemp("fixes"))
    process.start()
    yield process
    process.ensure_stopped()


def document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


@pytest.fixture(scope="module")
def role(server: AwsServerProcess) -> str:
    trust = document(Principal={"Service": "sagemaker.amazonaws.com"}, Action="sts:AssumeRole")
    return server.client("iam").create_role(RoleName="execution", AssumeRolePolicyDocument=trust)["Role"]["Arn"]


@pytest.fixture(scope="module")
def vpc(server: AwsServerProcess) -> str:
    return server.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


def test_the_simulator_decides_by_the_roles_own_policies(server: AwsServerProcess, role: str) -> None:
    iam = server.client("iam")
    own = document(Action=["s3:Get*", "s3:PutObject"], Resource="arn:aws:s3:::bucket/team/*")
    iam.put_role_policy(RoleName="execution", PolicyName="own", PolicyDocument=own)

    def decision(action: str, resource: str) -> str:
        answer = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource])
        return answer["EvaluationResults"][0]["EvalDecision"]

    assert decision("s3:PutObject", "arn:aws:s3:::bucket/team/x") == "allowed"
    assert decision("s3:PutObject", "arn:aws:s3:::bucket/*") == "implicitDeny"
    assert decision("s3:DeleteObject", "arn:aws:s3:::bucket/team/x") == "implicitDeny"
    iam.attach_role_policy(RoleName="execution", PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    assert decision("s3:DeleteObject", "arn:aws:s3:::bucket/team/x") == "allowed"
    limit = iam.create_policy(PolicyName="limit", PolicyDocument=document(Action="s3:Get*", Resource="*"))
    iam.put_role_permissions_boundary(RoleName="execution", PermissionsBoundary=limit["Policy"]["Arn"])
    assert decision("s3:DeleteObject", "arn:aws:s3:::bucket/team/x") == "implicitDeny"
    iam.delete_role_permissions_boundary(RoleName="execution")
    iam.detach_role_policy(RoleName="execution", PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    with pytest.raises(ClientError, match="cannot be found"):
        iam.simulate_principal_policy(PolicySourceArn=f"{role}-not", ActionNames=["s3:GetObject"])


def test_the_simulator_takes_policies_of_its_own_and_pages(server: AwsServerProcess) -> None:
    pages = (
        server.client("iam")
        .get_paginator("simulate_custom_policy")
        .paginate(
            PolicyInputList=[document(Action="s3:*", Resource="*")],
            ActionNames=[f"{service}:Get" for service in ("s3", "ec2", "iam")],
            PaginationConfig={"PageSize": 2},
        )
    )
    decisions = [result["EvalDecision"] for page in pages for result in page["EvaluationResults"]]
    assert decisions == ["allowed", "implicitDeny", "implicitDeny"]


def test_a_tracking_server_needs_its_bucket_and_its_role(server: AwsServerProcess, role: str) -> None:
    sagemaker = server.client("sagemaker")
    wanted = {"TrackingServerName": "tracking", "ArtifactStoreUri": "s3://tracking-bucket/mlflow", "RoleArn": role}
    with pytest.raises(ClientError, match="bucket tracking-bucket of ArtifactStoreUri"):
        sagemaker.create_mlflow_tracking_server(**wanted)
    server.client("s3").create_bucket(Bucket="tracking-bucket")
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.create_mlflow_tracking_server(**{**wanted, "RoleArn": f"{role}-not"})
    with pytest.raises(ClientError, match="not an S3 URI"):
        sagemaker.create_mlflow_tracking_server(**{**wanted, "ArtifactStoreUri": "https://x.example/mlflow"})
    arn = sagemaker.create_mlflow_tracking_server(**wanted, Tags=[{"Key": "a", "Value": "b"}])["TrackingServerArn"]
    asked = json.loads((server.folder / "run" / "mlflow.json").read_text())
    assert asked == {"name": "tracking", "artifact_store_uri": "s3://tracking-bucket/mlflow"}
    described = sagemaker.describe_mlflow_tracking_server(TrackingServerName="tracking")
    assert described["TrackingServerStatus"] == "Created"
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    with pytest.raises(ClientError, match="one MLflow server"):
        sagemaker.create_mlflow_tracking_server(**{**wanted, "TrackingServerName": "second"})
    sagemaker.delete_mlflow_tracking_server(TrackingServerName="tracking")
    assert not (server.folder / "run" / "mlflow.json").exists()
    with pytest.raises(ClientError) as gone:
        sagemaker.describe_mlflow_tracking_server(TrackingServerName="tracking")
    assert gone.value.response["Error"]["Code"] == "ResourceNotFound"


def test_a_log_group_keeps_its_class_and_its_key(server: AwsServerProcess) -> None:
    logs, key = server.client("logs"), server.client("kms").create_key()["KeyMetadata"]["Arn"]
    logs.create_log_group(logGroupName="classy", logGroupClass="INFREQUENT_ACCESS")
    logs.associate_kms_key(logGroupName="classy", kmsKeyId=key)
    (group,) = logs.describe_log_groups(logGroupNamePrefix="classy")["logGroups"]
    assert (group["logGroupClass"], group["kmsKeyId"]) == ("INFREQUENT_ACCESS", key)
    logs.disassociate_kms_key(logGroupName="classy")
    assert "kmsKeyId" not in logs.describe_log_groups(logGroupNamePrefix="classy")["logGroups"][0]
    with pytest.raises(ClientError, match="does not exist"):
        logs.associate_kms_key(logGroupName="classy", kmsKeyId=f"{key[:-4]}0000")


def test_a_key_keeps_its_rotation_period(server: AwsServerProcess) -> None:
    kms = server.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert "RotationPeriodInDays" not in kms.get_key_rotation_status(KeyId=key)
    kms.enable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 365
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 90


def test_an_instance_profiles_tags_are_told_page_by_page(server: AwsServerProcess) -> None:
    iam = server.client("iam")
    tags = [{"Key": key, "Value": key.upper()} for key in ("b", "a", "c")]
    iam.create_instance_profile(InstanceProfileName="tagged", Tags=tags)
    first = iam.list_instance_profile_tags(InstanceProfileName="tagged", MaxItems=2)
    assert [tag["Key"] for tag in first["Tags"]] == ["a", "b"]
    last = iam.list_instance_profile_tags(InstanceProfileName="tagged", Marker=first["Marker"])
    assert (last["Tags"], last["IsTruncated"]) == ([{"Key": "c", "Value": "C"}], False)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.list_instance_profile_tags(InstanceProfileName="nobody")


def test_the_tagging_service_calls_a_flow_log_what_aws_calls_it(server: AwsServerProcess, vpc: str) -> None:
    ec2, tagging = server.client("ec2"), server.client("resourcegroupstaggingapi")
    server.client("s3").create_bucket(Bucket="flows")
    tags = [{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "whose", "Value": "ours"}]}]
    [made] = ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::flows",
        TagSpecifications=tags,
    )["FlowLogIds"]
    wanted = {"TagFilters": [{"Key": "whose", "Values": ["ours"]}]}
    for given in (wanted, wanted | {"ResourceTypeFilters": ["ec2:vpc-flow-log"]}):
        [found] = tagging.get_resources(**given)["ResourceTagMappingList"]
        assert found["ResourceARN"] == f"arn:aws:ec2:us-east-1:123456789012:vpc-flow-log/{made}"


def test_an_endpoint_obeys_every_change_and_goes_when_it_is_deleted(server: AwsServerProcess, vpc: str) -> None:
    ec2 = server.client("ec2")
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName="com.amazonaws.us-east-1.sts",
        VpcEndpointType="Interface",
        SubnetIds=[subnet],
        PrivateDnsEnabled=True,
        PolicyDocument=document(Action="sts:GetCallerIdentity", Resource="*", Principal="*"),
    )["VpcEndpoint"]["VpcEndpointId"]
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PrivateDnsEnabled=False, ResetPolicy=True)
    (seen,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    assert seen["PrivateDnsEnabled"] is False
    assert json.loads(seen["PolicyDocument"])["Statement"][0]["Action"] == "*"
    refused = ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint, "vpce-nowhere"])["Unsuccessful"]
    assert [one["ResourceId"] for one in refused] == ["vpce-nowhere"]
    with pytest.raises(ClientError, match="does not exist"):
        ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])


def test_a_nat_gateway_gives_its_address_back(server: AwsServerProcess, vpc: str) -> None:
    ec2 = server.client("ec2")
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.2.0/24")["Subnet"]["SubnetId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    for _ in range(2):
        gateway = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
        ec2.delete_nat_gateway(NatGatewayId=gateway)
    ec2.release_address(AllocationId=address)
    mine = [{"Name": "subnet-id", "Values": [subnet]}]
    assert ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"] == []


def test_an_interface_keeps_its_subnet_and_its_groups_and_that_of_an_ended_machine_does_not(
    server: AwsServerProcess, vpc: str
):
    ec2 = server.client("ec2")
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.3.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName="jobs", Description="of jobs")["GroupId"]
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    machine = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[group], InstanceType="t3.micro"
    )["Instances"][0]["InstanceId"]
    ec2.terminate_instances(InstanceIds=[machine])
    made = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]["NetworkInterfaceId"]
    with pytest.raises(ClientError, match=f"DependencyViolation.*The subnet '{subnet}' has dependencies"):
        ec2.delete_subnet(SubnetId=subnet)
    with pytest.raises(ClientError, match=f"DependencyViolation.*resource {group} has a dependent object"):
        ec2.delete_security_group(GroupId=group)
    ec2.delete_network_interface(NetworkInterfaceId=made)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)


def test_a_security_group_rule_keeps_its_description_and_its_new_source(server: AwsServerProcess, vpc: str) -> None:
    ec2 = server.client("ec2")
    group = ec2.create_security_group(GroupName="group", Description="d", VpcId=vpc)["GroupId"]
    other = ec2.create_security_group(GroupName="other", Description="d", VpcId=vpc)["GroupId"]
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    pair = {"GroupId": group, "Description": "itself"}
    permission = {**https, "UserIdGroupPairs": [pair]}
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])["SecurityGroupRules"][0]
    name = made["SecurityGroupRuleId"]

    def rule() -> dict[str, Any]:
        return ec2.describe_security_group_rules(SecurityGroupRuleIds=[name])["SecurityGroupRules"][0]

    def modify(**wanted: Any) -> None:
        change = {"SecurityGroupRuleId": name, "SecurityGroupRule": wanted}
        ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[change])

    assert rule()["Description"] == "itself"
    modify(IpProtocol="-1", ReferencedGroupId=other, Description="the other")
    assert (rule()["ReferencedGroupInfo"]["GroupId"], rule()["Description"]) == (other, "the other")
    modify(**https, CidrIpv6="2001:db8::/32")
    assert rule()["CidrIpv6"] == "2001:db8::/32"
    with pytest.raises(ClientError, match="exactly one of"):
        modify(**https)


def test_a_call_in_the_process_uses_overlays_and_raises_service_errors(server: AwsServerProcess) -> None:
    """CreateCluster itself calls EC2 in this way: its error for a missing subnet is EC2's own message."""
    with pytest.raises(ClientError, match="The subnet ID 'subnet-0' does not exist"):
        server.client("eks").create_cluster(
            name="c", roleArn="arn:aws:iam::123456789012:role/execution", resourcesVpcConfig={"subnetIds": ["subnet-0"]}
        )
