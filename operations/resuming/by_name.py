"""Types whose id follows from their inputs: a name that the settings decide, or the engine chose and wrote down.

Each id has the form of the section "Import" of the type's page, https://www.pulumi.com/registry/packages/aws/api-docs/;
whether there is such a resource the provider tells in the refresh that follows.
"""

from operations.resuming.finder import Finder, Settles

_CLUSTER = {"clusterName": "{clusterName}"}
_EKS_GONE = ("ResourceNotFoundException",)
_ARN = "arn:{partition}:"

BY_NAME = {
    "aws:amp/alertManagerDefinition:AlertManagerDefinition": Finder(
        id="{workspaceId}",
        settles=Settles(
            service="amp",
            operation="describe_alert_manager_definition",
            arguments={"workspaceId": "{workspaceId}"},
            status="alertManagerDefinition.status.statusCode",
            busy=("CREATING", "UPDATING"),
            gone=_EKS_GONE,
        ),
    ),
    "aws:amp/ruleGroupNamespace:RuleGroupNamespace": Finder(
        id=f"{_ARN}aps:{{region}}:{{account}}:rulegroupsnamespace/{{workspaceId}}/{{name}}",
        settles=Settles(
            service="amp",
            operation="describe_rule_groups_namespace",
            arguments={"workspaceId": "{workspaceId}", "name": "{name}"},
            status="ruleGroupsNamespace.status.statusCode",
            busy=("CREATING", "UPDATING"),
            gone=_EKS_GONE,
        ),
    ),
    "aws:amp/workspaceConfiguration:WorkspaceConfiguration": Finder(id="{workspaceId}"),
    "aws:autoscaling/tag:Tag": Finder(id="{autoscalingGroupName},{tag.key}"),
    "aws:budgets/budget:Budget": Finder(id="{account}:{name}"),
    "aws:cloudtrail/trail:Trail": Finder(id=f"{_ARN}cloudtrail:{{region}}:{{account}}:trail/{{name}}"),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Finder(id="{alarmName}"),
    "aws:cloudwatch/logGroup:LogGroup": Finder(id="{name}"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Finder(id="{name}"),
    "aws:codebuild/project:Project": Finder(id=f"{_ARN}codebuild:{{region}}:{{account}}:project/{{name}}"),
    "aws:codebuild/webhook:Webhook": Finder(id="{projectName}"),
    "aws:ec2/placementGroup:PlacementGroup": Finder(id="{name}"),
    "aws:ec2/route:Route": Finder(
        id="{routeTableId}_{destinationCidrBlock|destinationIpv6CidrBlock|destinationPrefixListId}"
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Finder(id="{subnetId|gatewayId}/{routeTableId}"),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Finder(id="{repository}"),
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule": Finder(id="{ecrRepositoryPrefix}"),
    "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration": Finder(id="{account}"),
    "aws:ecr/repository:Repository": Finder(id="{name}"),
    "aws:eks/accessEntry:AccessEntry": Finder(id="{clusterName}:{principalArn}"),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": Finder(id="{clusterName}#{principalArn}#{policyArn}"),
    "aws:eks/addon:Addon": Finder(
        id="{clusterName}:{addonName}",
        settles=Settles(
            service="eks",
            operation="describe_addon",
            arguments={**_CLUSTER, "addonName": "{addonName}"},
            status="addon.status",
            busy=("CREATING", "UPDATING"),
            failed=("CREATE_FAILED",),
            gone=_EKS_GONE,
        ),
    ),
    "aws:eks/cluster:Cluster": Finder(
        id="{name}",
        settles=Settles(
            service="eks",
            operation="describe_cluster",
            arguments={"name": "{name}"},
            status="cluster.status",
            busy=("CREATING", "UPDATING", "PENDING"),
            failed=("FAILED",),
            gone=_EKS_GONE,
        ),
    ),
    "aws:eks/nodeGroup:NodeGroup": Finder(
        id="{clusterName}:{nodeGroupName}",
        settles=Settles(
            service="eks",
            operation="describe_nodegroup",
            arguments={**_CLUSTER, "nodegroupName": "{nodeGroupName}"},
            status="nodegroup.status",
            busy=("CREATING", "UPDATING"),
            failed=("CREATE_FAILED",),
            gone=_EKS_GONE,
        ),
    ),
    "aws:grafana/roleAssociation:RoleAssociation": Finder(
        again="its page names no import, and UpdatePermissions adds whom it names, once or twice"
    ),
    "aws:grafana/workspaceSamlConfiguration:WorkspaceSamlConfiguration": Finder(id="{workspaceId}"),
    "aws:iam/instanceProfile:InstanceProfile": Finder(id="{name}"),
    "aws:iam/policy:Policy": Finder(id=f"{_ARN}iam::{{account}}:policy{{path?/}}{{name}}"),
    "aws:iam/role:Role": Finder(id="{name}"),
    "aws:iam/rolePolicy:RolePolicy": Finder(id="{role}:{name}"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Finder(id="{role}/{policyArn}"),
    "aws:kms/alias:Alias": Finder(id="{name}"),
    "aws:lambda/function:Function": Finder(id="{name}"),
    "aws:rds/instance:Instance": Finder(
        id="{identifier}",
        settles=Settles(
            service="rds",
            operation="describe_db_instances",
            arguments={"DBInstanceIdentifier": "{identifier}"},
            status="DBInstances[0].DBInstanceStatus",
            busy=("creating", "backing-up", "modifying", "configuring-enhanced-monitoring", "rebooting"),
            failed=("failed",),
            gone=("DBInstanceNotFound", "DBInstanceNotFoundFault"),
        ),
    ),
    "aws:rds/parameterGroup:ParameterGroup": Finder(id="{name}"),
    "aws:rds/subnetGroup:SubnetGroup": Finder(id="{name}"),
    "aws:s3/bucket:Bucket": Finder(id="{bucket}"),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Finder(id="{bucket}"),
    "aws:s3/bucketLogging:BucketLogging": Finder(id="{bucket}"),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": Finder(id="{bucket}"),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": Finder(id="{bucket}"),
    "aws:s3/bucketPolicy:BucketPolicy": Finder(id="{bucket}"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Finder(id="{bucket}"),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": Finder(id="{bucket}"),
    "aws:s3/bucketVersioning:BucketVersioning": Finder(id="{bucket}"),
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": Finder(
        id="{trackingServerName}",
        settles=Settles(
            service="sagemaker",
            operation="describe_mlflow_tracking_server",
            arguments={"TrackingServerName": "{trackingServerName}"},
            status="TrackingServerStatus",
            busy=("Creating", "Updating", "Starting", "MaintenanceInProgress"),
            failed=("CreateFailed",),
            gone=("ResourceNotFound",),
        ),
    ),
    "aws:scheduler/schedule:Schedule": Finder(id="{groupName?default}/{name}"),
    "aws:sns/topic:Topic": Finder(id=f"{_ARN}sns:{{region}}:{{account}}:{{name}}"),
    "aws:sns/topicPolicy:TopicPolicy": Finder(id="{arn}"),
    "aws:ssm/parameter:Parameter": Finder(id="{name}"),
}
