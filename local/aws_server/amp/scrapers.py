"""Managed collectors: checked against the cluster, its network and the workspace, and kept. They scrape nothing."""

import uuid
from datetime import UTC, datetime
from typing import Any

from local.aws_server.amp.common import (
    ACTIVE,
    amp_operation,
    arn,
    invalid,
    not_found,
    set_tags,
    tags_of,
    workspace_of,
    yaml_of,
)
from local.aws_server.operations import Call, ServiceError

KIND = "amp-scraper"
"""Kind of a collector's record; the key is `region/id`."""
_DURATIONS = {"s": 1, "m": 60, "h": 3600}
_SHORTEST_S = 30
"""https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-collector-how-to.html#AMP-collector-configuration"""


def _check_configuration(configuration: dict[str, Any]) -> None:
    document = yaml_of(configuration.get("configurationBlob") or b"", "scrape configuration")
    jobs = document.get("scrape_configs")
    if not isinstance(jobs, list) or not jobs:
        raise invalid("The scrape configuration has no scrape_configs.")
    names = [job.get("job_name") for job in jobs]
    if None in names or len(set(names)) != len(names):
        raise invalid("Every scrape configuration has a job_name of its own.")
    intervals = [document.get("global", {}).get("scrape_interval"), *(job.get("scrape_interval") for job in jobs)]
    for interval in filter(None, intervals):
        number, unit = str(interval)[:-1], str(interval)[-1]
        if not number.isdigit() or unit not in _DURATIONS or int(number) * _DURATIONS[unit] < _SHORTEST_S:
            raise invalid(f"The scrape_interval {interval} is shorter than {_SHORTEST_S} seconds.")


def _check_source(call: Call, source: dict[str, Any]) -> dict[str, Any]:
    eks = source.get("eksConfiguration")
    if not eks:
        raise invalid("The local stack's collectors scrape EKS clusters alone.")
    name = eks["clusterArn"].rpartition("/")[2]
    try:
        cluster = call.server.call("eks", "DescribeCluster", {"name": name}, region=call.region)["cluster"]
    except ServiceError as error:
        raise not_found("Cluster", eks["clusterArn"]) from error
    network = cluster["resourcesVpcConfig"]
    if not network.get("endpointPrivateAccess"):
        raise invalid(f"The cluster {name} has no private endpoint.")
    found = call.server.call("ec2", "DescribeSubnets", {"SubnetIds": eks["subnetIds"]}, region=call.region)
    if len({subnet["AvailabilityZone"] for subnet in found["Subnets"]}) < 2:
        raise invalid("The subnets of a collector must be in two availability zones or more.")
    if any(subnet["VpcId"] != network.get("vpcId", subnet["VpcId"]) for subnet in found["Subnets"]):
        raise invalid(f"The subnets of a collector must be in the VPC of the cluster {name}.")
    groups = eks.get("securityGroupIds") or [network["clusterSecurityGroupId"]]
    call.server.call("ec2", "DescribeSecurityGroups", {"GroupIds": groups}, region=call.region)
    return {"eksConfiguration": {**eks, "securityGroupIds": groups}}


def _check_destination(call: Call, destination: dict[str, Any]) -> None:
    amp = destination.get("ampConfiguration")
    if not amp:
        raise invalid("The local stack's collectors fill workspaces alone.")
    workspace_of(call, amp["workspaceArn"].rpartition("/")[2])


def _key(call: Call) -> str:
    return f"{call.region}/{call.params['scraperId']}"


def _find(call: Call) -> dict[str, Any]:
    record = call.server.records.get(KIND, _key(call))
    if record is None:
        raise not_found("Scraper", call.params["scraperId"])
    return record


def _answer(record: dict[str, Any]) -> dict[str, Any]:
    return {"scraperId": record["scraperId"], "arn": record["arn"], "status": record["status"]}


@amp_operation("CreateScraper")
def create_scraper(call: Call) -> dict[str, Any]:
    params = call.params
    _check_configuration(params["scrapeConfiguration"])
    source = _check_source(call, params["source"])
    _check_destination(call, params["destination"])
    id_ = f"s-{uuid.uuid4()}"
    moment = datetime.now(UTC)
    suffix = id_[2:12].replace("-", "")
    record = {
        "scraperId": id_,
        "arn": arn(call, f"scraper/{id_}"),
        # The role is the service's own, and its access entry too: EKS lets nobody else make one for it.
        "roleArn": f"arn:aws:iam::{call.account_id}:role/aws-service-role/scraper.aps.amazonaws.com/"
        f"AWSServiceRoleForAmazonPrometheusScraper_{suffix}",
        "status": dict(ACTIVE),
        "createdAt": moment,
        "lastModifiedAt": moment,
        "scrapeConfiguration": params["scrapeConfiguration"],
        "source": source,
        "destination": params["destination"],
        **{name: params[name] for name in ("alias", "roleConfiguration") if params.get(name)},
    }
    call.server.records.put(KIND, f"{call.region}/{id_}", record)
    set_tags(call, record["arn"], params.get("tags"))
    return _answer(record) | {"tags": params.get("tags") or {}}


@amp_operation("DescribeScraper")
def describe_scraper(call: Call) -> dict[str, Any]:
    record = _find(call)
    return {"scraper": record | {"tags": tags_of(call, record["arn"])}}


@amp_operation("ListScrapers")
def list_scrapers(call: Call) -> dict[str, Any]:
    left_out = ("scrapeConfiguration",)
    found = [record for _, record in call.server.records.items(KIND, f"{call.region}/")]
    return {
        "scrapers": [
            {name: each[name] for name in each if name not in left_out} | {"tags": tags_of(call, each["arn"])}
            for each in found
        ]
    }


@amp_operation("UpdateScraper")
def update_scraper(call: Call) -> dict[str, Any]:
    record, params = _find(call), call.params
    if params.get("scrapeConfiguration"):
        _check_configuration(params["scrapeConfiguration"])
    if params.get("destination"):
        _check_destination(call, params["destination"])
    given = {
        name: params[name]
        for name in ("alias", "scrapeConfiguration", "destination", "roleConfiguration")
        if params.get(name)
    }
    changed = record | given | {"lastModifiedAt": datetime.now(UTC)}
    call.server.records.put(KIND, _key(call), changed)
    return _answer(changed)


@amp_operation("DeleteScraper")
def delete_scraper(call: Call) -> dict[str, Any]:
    record = _find(call)
    call.server.records.delete(KIND, _key(call))
    return {"scraperId": record["scraperId"], "status": {"statusCode": "DELETING"}}
