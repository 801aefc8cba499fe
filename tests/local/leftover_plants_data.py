"""Leftovers that keep data, and who may reach it."""

import json
from collections.abc import Iterator

from tests.local.leftover_bed import ACCOUNT, Bed


class DataPlants(Bed):
    """One of every kind in operations/leftovers/kinds_data.py."""

    def _data(self) -> Iterator[tuple[str, str]]:
        s3, ecr, rds = self.client("s3"), self.client("ecr"), self.client("rds")
        bucket = f"lake-{self._env}"
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": self._list})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for body in (b"old", b"new"):
            s3.put_object(Bucket=bucket, Key="rows.csv", Body=body)
        s3.delete_object(Bucket=bucket, Key="rows.csv")
        yield "bucket", bucket
        trails = f"trails-{self._env}"
        s3.create_bucket(Bucket=trails)
        arn = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/{self._name}"
        allow = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {**allow, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{trails}"},
                {**allow, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{trails}/AWSLogs/{ACCOUNT}/*"},
            ],
        }
        s3.put_bucket_policy(Bucket=trails, Policy=json.dumps(policy))
        self.client("cloudtrail").create_trail(Name=self._name, S3BucketName=trails, TagsList=self._list)
        yield "trail", arn
        ecr.create_repository(repositoryName=f"images-{self._env}", tags=self._list)
        yield "repository", f"images-{self._env}"
        ecr.create_pull_through_cache_rule(
            ecrRepositoryPrefix=f"gw-{self._env}/k8s", upstreamRegistryUrl="registry.k8s.io"
        )
        yield "cache rule", f"gw-{self._env}/k8s"
        group = rds.create_db_subnet_group(
            DBSubnetGroupName=f"subnets-{self._env}",
            DBSubnetGroupDescription="x",
            SubnetIds=self.subnets,
            Tags=self._list,
        )
        yield "database subnet group", group["DBSubnetGroup"]["DBSubnetGroupName"]
        rds.create_db_parameter_group(
            DBParameterGroupName=f"params-{self._env}",
            DBParameterGroupFamily="postgres17",
            Description="x",
            Tags=self._list,
        )
        yield "database parameter group", f"params-{self._env}"
        rds.create_db_instance(
            DBInstanceIdentifier=f"runs-{self._env}",
            Engine="postgres",
            DBInstanceClass="db.t4g.small",
            AllocatedStorage=20,
            StorageType="gp3",
            MasterUsername="mlflow",
            MasterUserPassword="not-a-secret-here",
            DBSubnetGroupName=f"subnets-{self._env}",
            DeletionProtection=True,
            Tags=self._list,
        )
        yield "database", f"runs-{self._env}"
        rds.create_db_snapshot(
            DBSnapshotIdentifier=f"runs-{self._env}-last",
            DBInstanceIdentifier=f"runs-{self._env}",
            Tags=self._list,
        )
        yield "database snapshot", f"runs-{self._env}-last"
        secret = self.client("secretsmanager").create_secret(
            Name=f"word-{self._env}", SecretString="x", Tags=self._list
        )
        yield "secret", secret["ARN"]
        self.client("ssm").put_parameter(Name=f"/groundwork/{self._env}/contract", Value="{}", Type="String")
        yield "parameter", f"/groundwork/{self._env}/contract"
        # A cluster's last line, written after its log group was deleted, makes the group again, without a tag.
        self.client("logs").create_log_group(logGroupName=f"/aws/eks/{self._name}/cluster")
        yield "log group", f"/aws/eks/{self._name}/cluster"

    def _identity(self) -> Iterator[tuple[str, str]]:
        iam, kms = self.client("iam"), self.client("kms")
        document = json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}
        )
        role, policy = f"{self._name}-tracking", f"{self._name}-models"
        self._trusted("x", "ec2.amazonaws.com", name=role)
        iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=document)
        arn = iam.create_policy(PolicyName=policy, PolicyDocument=document)["Policy"]["Arn"]
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        iam.create_instance_profile(InstanceProfileName=f"{self._name}-nodes")
        iam.add_role_to_instance_profile(InstanceProfileName=f"{self._name}-nodes", RoleName=role)
        yield "role", role
        yield "policy", arn
        yield "instance profile", f"{self._name}-nodes"
        provider = iam.create_open_id_connect_provider(
            Url=f"https://oidc.{self._env}.example.com", ClientIDList=["sts.amazonaws.com"], Tags=self._list
        )
        yield "identity provider", provider["OpenIDConnectProviderArn"]
        tags = [{"TagKey": key, "TagValue": value} for key, value in self._tags.items()]
        key = kms.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/{self._name}-data", TargetKeyId=key)
        yield "key", key
        yield "key alias", f"alias/{self._name}-data"
