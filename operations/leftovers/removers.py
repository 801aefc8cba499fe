"""Removes what one call cannot: what must be emptied, detached or unprotected first."""

from typing import Any

from operations.leftovers.kind import Clients, Item


def model_package_group(clients: Clients, item: Item) -> None:
    """Its versions first, then the group."""
    sagemaker, name = clients("sagemaker"), item["ModelPackageGroupName"]
    for page in sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=name):
        for package in page["ModelPackageSummaryList"]:
            sagemaker.delete_model_package(ModelPackageName=package["ModelPackageArn"])
    sagemaker.delete_model_package_group(ModelPackageGroupName=name)


def budget(clients: Clients, item: Item) -> None:
    """A budget belongs to an account, which its listing does not say."""
    account = clients("sts").get_caller_identity()["Account"]
    clients("budgets").delete_budget(AccountId=account, BudgetName=item["BudgetName"])


def database(clients: Clients, item: Item) -> None:
    """Its protection first; no last snapshot is made."""
    rds, name = clients("rds"), item["DBInstanceIdentifier"]
    if item.get("DeletionProtection"):
        rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)


def bucket(clients: Clients, item: Item) -> None:
    """Every version of every object, then the bucket."""
    s3, name = clients("s3"), item["Name"]
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        doomed = [
            {"Key": each["Key"], "VersionId": each["VersionId"]}
            for each in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        ]
        if doomed:
            # What a lock keeps is told below: a bucket that is not empty cannot be deleted.
            s3.delete_objects(Bucket=name, Delete={"Objects": doomed, "Quiet": True})
    uploads = s3.list_multipart_uploads(Bucket=name).get("Uploads", ())
    for upload in uploads:
        s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    s3.delete_bucket(Bucket=name)


def instance_profile(clients: Clients, item: Item) -> None:
    """Its role first."""
    iam, name = clients("iam"), item["InstanceProfileName"]
    for role_ in item.get("Roles", ()):
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role_["RoleName"])
    iam.delete_instance_profile(InstanceProfileName=name)


def role(clients: Clients, item: Item) -> None:
    """Its policies and its instance profiles first."""
    iam, name = clients("iam"), item["RoleName"]
    for profile in iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=name)
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=name):
        for attached in page["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=name):
        for inline in page["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=inline)
    iam.delete_role(RoleName=name)


def policy(clients: Clients, item: Item) -> None:
    """Off whoever has it, and its older versions first."""
    iam, arn = clients("iam"), item["Arn"]
    for page in iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=arn):
        for each in page.get("PolicyRoles", ()):
            iam.detach_role_policy(RoleName=each["RoleName"], PolicyArn=arn)
        for each in page.get("PolicyUsers", ()):
            iam.detach_user_policy(UserName=each["UserName"], PolicyArn=arn)
        for each in page.get("PolicyGroups", ()):
            iam.detach_group_policy(GroupName=each["GroupName"], PolicyArn=arn)
    for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)


def cluster(clients: Clients, item: Item) -> None:
    """Its node groups first, which take minutes to go; the next pass deletes the cluster."""
    eks, name = clients("eks"), item["name"]
    groups: list[str] = []
    for page in eks.get_paginator("list_nodegroups").paginate(clusterName=name):
        groups += page["nodegroups"]
    for group in groups:
        if eks.describe_nodegroup(clusterName=name, nodegroupName=group)["nodegroup"]["status"] != "DELETING":
            eks.delete_nodegroup(clusterName=name, nodegroupName=group)
    if groups:
        return
    if item.get("deletionProtection"):
        eks.update_cluster_config(name=name, deletionProtection=False)
        return
    eks.delete_cluster(name=name)


def network_interface(clients: Clients, item: Item) -> None:
    """Off its instance first."""
    ec2: Any = clients("ec2")
    attachment: Item = item.get("Attachment") or {}
    if attachment.get("AttachmentId") and attachment.get("Status") != "detached":
        ec2.detach_network_interface(AttachmentId=attachment["AttachmentId"], Force=True)
        return
    ec2.delete_network_interface(NetworkInterfaceId=item["NetworkInterfaceId"])


def security_group(clients: Clients, item: Item) -> None:
    """Its rules first, and those of others that name it: two groups that name each other would stay for ever."""
    ec2, group = clients("ec2"), item["GroupId"]
    if rules := item.get("IpPermissions"):
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rules)
    if rules := item.get("IpPermissionsEgress"):
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=rules)
    for direction, key, revoke in (
        ("ip-permission.group-id", "IpPermissions", "revoke_security_group_ingress"),
        ("egress.ip-permission.group-id", "IpPermissionsEgress", "revoke_security_group_egress"),
    ):
        for other in ec2.describe_security_groups(Filters=[{"Name": direction, "Values": [group]}])["SecurityGroups"]:
            naming: list[dict[str, Any]] = []
            for rule in other[key]:
                pairs = [pair for pair in rule.get("UserIdGroupPairs", ()) if pair.get("GroupId") == group]
                if pairs:
                    kept = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
                    naming.append({**kept, "UserIdGroupPairs": pairs})
            if naming and other["GroupId"] != group:
                getattr(ec2, revoke)(GroupId=other["GroupId"], IpPermissions=naming)
    ec2.delete_security_group(GroupId=group)


def internet_gateway(clients: Clients, item: Item) -> None:
    """Off its VPC first."""
    ec2, gateway = clients("ec2"), item["InternetGatewayId"]
    for attachment in item.get("Attachments", ()):
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=attachment["VpcId"])
    ec2.delete_internet_gateway(InternetGatewayId=gateway)


def route_table(clients: Clients, item: Item) -> None:
    """Off its subnets first."""
    ec2 = clients("ec2")
    for association in item.get("Associations", ()):
        ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=item["RouteTableId"])
