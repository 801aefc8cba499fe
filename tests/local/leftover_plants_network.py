"""Leftovers of a cluster and of the network below it."""

from collections.abc import Iterator

from tests.local.leftover_bed import Bed
from tests.local.sagemaker_server import BUCKET


class NetworkPlants(Bed):
    """One of every kind in operations/leftovers/kinds_network.py but the cluster itself, which needs roles."""

    def _network(self) -> Iterator[tuple[str, str]]:
        ec2 = self.client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=self._spec("vpc"))["Vpc"]["VpcId"]
        yield "VPC", self.vpc
        self.subnets = [
            # By its place alone: no tag.
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for number, zone in enumerate(("us-east-1a", "us-east-1b"))
        ]
        yield "subnet", self.subnets[0]
        made = ec2.create_internet_gateway(TagSpecifications=self._spec("internet-gateway"))
        gateway = made["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        yield "internet gateway", gateway
        address = ec2.allocate_address(Domain="vpc", TagSpecifications=self._spec("elastic-ip"))["AllocationId"]
        yield "address", address
        nat = ec2.create_nat_gateway(SubnetId=self.subnets[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
        yield "NAT gateway", nat
        table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=table, SubnetId=self.subnets[0])
        yield "route table", table
        groups = [
            ec2.create_security_group(GroupName=f"eks-{word}", Description="x", VpcId=self.vpc)["GroupId"]
            for word in ("one", "two")
        ]
        for one, other in (groups, reversed(groups)):
            pair = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": other}]}
            ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=[pair])
        yield "security group", groups[0]
        interface = ec2.create_network_interface(SubnetId=self.subnets[1], Groups=[groups[1]])
        yield "network interface", interface["NetworkInterface"]["NetworkInterfaceId"]
        endpoint = ec2.create_vpc_endpoint(
            VpcId=self.vpc, ServiceName="com.amazonaws.us-east-1.s3", VpcEndpointType="Gateway"
        )
        yield "VPC endpoint", endpoint["VpcEndpoint"]["VpcEndpointId"]
        logs = ec2.create_flow_logs(
            ResourceIds=[self.vpc],
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType="s3",
            LogDestination=f"arn:aws:s3:::{BUCKET}",
            TagSpecifications=self._spec("vpc-flow-log"),
        )
        yield "flow log", logs["FlowLogIds"][0]

    def _machines(self) -> Iterator[tuple[str, str]]:
        ec2, cluster = self.client("ec2"), {"Key": "eks:eks-cluster-name", "Value": self._name}
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        # A node that outlived its cluster, which tagged it.
        instance = ec2.run_instances(
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            InstanceType="m5.large",
            NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": self.subnets[0], "DeleteOnTermination": True}],
            TagSpecifications=[{"ResourceType": "instance", "Tags": [cluster]}],
        )["Instances"][0]["InstanceId"]
        yield "instance", instance
        volume = ec2.create_volume(
            AvailabilityZone="us-east-1a",
            Size=10,
            VolumeType="gp3",
            TagSpecifications=[{"ResourceType": "volume", "Tags": [cluster]}],
        )["VolumeId"]
        yield "volume", volume
        snapshot = ec2.create_snapshot(VolumeId=volume, TagSpecifications=self._spec("snapshot"))["SnapshotId"]
        yield "snapshot", snapshot
        made = ec2.create_image(InstanceId=instance, Name=self._name, TagSpecifications=self._spec("image"))["ImageId"]
        yield "machine image", made
        template = ec2.create_launch_template(
            LaunchTemplateName=f"{self._name}-gpu", LaunchTemplateData={"InstanceType": "m5.large"}
        )["LaunchTemplate"]["LaunchTemplateId"]
        yield "launch template", template
        ec2.create_placement_group(GroupName=f"{self._name}-efa", Strategy="cluster")
        yield "placement group", f"{self._name}-efa"
        group = f"eks-{self._env}-nodes"
        self.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=group,
            MinSize=0,
            MaxSize=1,
            LaunchTemplate={"LaunchTemplateId": template},
            VPCZoneIdentifier=self.subnets[0],
            Tags=[
                {
                    "Key": f"kubernetes.io/cluster/{self._name}",
                    "Value": "owned",
                    "PropagateAtLaunch": True,
                    "ResourceId": group,
                    "ResourceType": "auto-scaling-group",
                }
            ],
        )
        yield "Auto Scaling group", group
        balancers = self.client("elbv2")
        made = balancers.create_load_balancer(
            Name=f"k8s-{self._env}-web",
            Subnets=self.subnets,
            Type="network",
            Tags=[{"Key": "elbv2.k8s.aws/cluster", "Value": self._name}],
        )
        yield "load balancer", made["LoadBalancers"][0]["LoadBalancerArn"]
        target = balancers.create_target_group(Name=f"k8s-{self._env}-t", Protocol="TCP", Port=80, VpcId=self.vpc)
        yield "target group", target["TargetGroups"][0]["TargetGroupArn"]
        listener = {"Protocol": "tcp", "LoadBalancerPort": 80, "InstancePort": 80}
        self.client("elb").create_load_balancer(
            LoadBalancerName=f"a{self._env}", Listeners=[listener], Subnets=[self.subnets[0]]
        )
        yield "classic load balancer", f"a{self._env}"
