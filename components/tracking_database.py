"""The PostgreSQL database of a self-hosted tracking server."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.placement import Placement

PORT = 5432
DATABASE, USER = "mlflow", "mlflow"


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """What the database needs.

    client_group_id: security group of what may connect.
    version: major version of PostgreSQL; AWS installs minor ones in the maintenance window.
    storage_gib, max_storage_gib: what it starts with and grows to.
    backup_days: how far back it can be restored to any moment.
    log_days: days that its log is kept.
    protect: refuse to delete or replace it, and keep a last snapshot.
    """

    placement: Placement
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    client_group_id: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    instance_class: str = "db.t4g.small"
    version: str = "17"
    storage_gib: int = 20
    max_storage_gib: int = 100
    multi_az: bool = False
    backup_days: int = 7
    log_days: int = 30
    protect: bool = True


class TrackingDatabase(pulumi.ComponentResource):
    """An encrypted instance that the cluster alone reaches, over TLS, with a password that RDS keeps and changes.

    The password is in no state and no setting: RDS makes it and keeps it in Secrets Manager
    (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html).
    """

    address: pulumi.Output[str]
    secret_arn: pulumi.Output[str]
    instance: aws.rds.Instance

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:ml:TrackingDatabase", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        identifier = f"{args.placement.prefix}-tracking"
        subnets = aws.rds.SubnetGroup(
            f"{name}-subnets",
            name=identifier,
            description="Where the tracking database lies",
            subnet_ids=list(args.subnet_ids),
            opts=child,
        )
        parameters = aws.rds.ParameterGroup(
            f"{name}-parameters",
            name=f"{identifier}-postgres{args.version}",
            family=f"postgres{args.version}",
            description="The tracking database takes TLS connections alone",
            parameters=[aws.rds.ParameterGroupParameterArgs(name="rds.force_ssl", value="1")],
            opts=child,
        )
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/rds/instance/{identifier}/postgresql",
            retention_in_days=args.log_days,
            kms_key_id=args.logs_key_arn,
            opts=child,
        )
        self.instance = aws.rds.Instance(
            f"{name}-instance",
            identifier=identifier,
            engine="postgres",
            engine_version=args.version,
            instance_class=args.instance_class,
            allocated_storage=args.storage_gib,
            max_allocated_storage=args.max_storage_gib,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=args.kms_key_arn,
            db_name=DATABASE,
            username=USER,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.kms_key_arn,
            port=PORT,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[self._group(name, args, child)],
            parameter_group_name=parameters.name,
            publicly_accessible=False,
            multi_az=args.multi_az,
            backup_retention_period=args.backup_days,
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=True,
            enabled_cloudwatch_logs_exports=["postgresql"],
            deletion_protection=args.protect,
            skip_final_snapshot=not args.protect,
            final_snapshot_identifier=f"{identifier}-last" if args.protect else None,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, depends_on=[logs]),
        )
        self.address = self.instance.address
        self.secret_arn = self.instance.master_user_secrets.apply(lambda secrets: secrets[0].secret_arn or "")
        self.register_outputs({"address": self.address, "secretArn": self.secret_arn})

    def _group(self, name: str, args: DatabaseArgs, child: pulumi.ResourceOptions) -> pulumi.Output[str]:
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            name=f"{args.placement.prefix}-tracking-database",
            description="The tracking database",
            vpc_id=args.vpc_id,
            opts=child,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-from-cluster",
            security_group_id=group.id,
            description="PostgreSQL, from pods of the cluster",
            ip_protocol="tcp",
            from_port=PORT,
            to_port=PORT,
            referenced_security_group_id=args.client_group_id,
            opts=child,
        )
        return group.id
