"""The resource types that hold what cannot be made again: whoever deletes or replaces one loses something.

A table, so that a reader can check it. The preview's report puts these first, an upgrade must name them.
"""

from collections.abc import Mapping

STATEFUL: Mapping[str, str] = {
    # Data.
    "aws:s3/bucket:Bucket": "the objects in it, with all their versions",
    "aws:ecr/repository:Repository": "the images in it, which jobs and endpoints start from",
    "aws:rds/instance:Instance": "the database",
    "aws:rds/cluster:Cluster": "the databases of the cluster",
    "aws:dynamodb/table:Table": "the items in it",
    "aws:efs/fileSystem:FileSystem": "the files on it",
    "aws:ebs/volume:Volume": "the data on it",
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": "all experiments, runs and registered models",
    "aws:sagemaker/mlflowApp:MlflowApp": "all experiments, runs and registered models",
    "aws:sagemaker/modelPackageGroup:ModelPackageGroup": "the registered versions of a model and their approvals",
    "aws:sagemaker/featureGroup:FeatureGroup": "the online features",
    "aws:amp/workspace:Workspace": "all metrics collected so far",
    "aws:grafana/workspace:Workspace": "dashboards, users and alerts made by hand, and its address",
    "aws:cloudwatch/logGroup:LogGroup": "the logs in it",
    "aws:secretsmanager/secret:Secret": "the secret's value and its versions",
    # What other things can only be read or reached with.
    "aws:kms/key:Key": "everything encrypted with it becomes unreadable once AWS has deleted it",
    "aws:eks/cluster:Cluster": "everything that runs on it, its address and its certificate authority",
    "aws:ec2/vpc:Vpc": "everything in it is made again with it",
    # What takes its contents along.
    "kubernetes:core/v1:Namespace": "every object in it, running jobs among them",
    "kubernetes:core/v1:PersistentVolumeClaim": "the data on its volume",
    "kubernetes:core/v1:PersistentVolume": "the data on it",
    "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition": "every object of its kind, whoever made it",
}
"""Pulumi type → what goes with a resource of the type.

Kinds of the AWS part: what their deletion takes along is on each type's own page of
https://docs.aws.amazon.com/ (DeleteBucket, DeleteRepository, DeleteDBInstance, ScheduleKeyDeletion, …); namespaces and
definitions: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/ and
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#delete-a-customresourcedefinition
"""


def is_stateful(type_: str) -> bool:
    """Whether a resource of this type holds what cannot be made again."""
    return type_ in STATEFUL


def what_is_lost(type_: str) -> str:
    """What goes with a resource of this type; empty where nothing does that an `up` does not make again."""
    return STATEFUL.get(type_, "")
