"""What a resource costs a month by being there, in items of the price list (prices/data)."""

from collections.abc import Iterator
from decimal import Decimal

from operations.leftovers.kind import Charges, Clients, Item, Kind
from prices import HOURS_A_MONTH, Catalogue, UnknownPriceError

GIB = 2**30


def hourly(price: str) -> Charges:
    """An item that is charged by the hour."""
    return _much(price, HOURS_A_MONTH)


def monthly(price: str) -> Charges:
    """An item that is charged by the month."""
    return _much(price, 1)


def _much(price: str, quantity: float) -> Charges:
    def charges(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
        yield price, quantity

    return charges


def cost(kind: Kind, item: Item, clients: Clients, region: str) -> Decimal | None:
    """Dollars a month; None where a price or a quantity is not known."""
    if kind.charges is None:
        return None
    prices, total = Catalogue.load(), Decimal(0)
    try:
        for name, quantity in kind.charges(item, clients):
            total += prices.price(region, name).usd * Decimal(str(quantity))
    except UnknownPriceError:
        return None
    return total


def instance(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """A machine of EC2, while it runs."""
    if item["State"]["Name"] in ("pending", "running"):
        yield f"ec2:{item['InstanceType']}", HOURS_A_MONTH


def volume(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """A disk, by its type and size."""
    yield f"ebs:{item.get('VolumeType', 'gp2')}", item["Size"]


def vpc_endpoint(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """An interface endpoint costs by the hour and zone; a gateway endpoint costs nothing."""
    if item.get("VpcEndpointType") == "Interface":
        yield "vpc:interface-endpoint", HOURS_A_MONTH * max(1, len(item.get("SubnetIds") or ()))


def load_balancer(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """Its hours; what it carries comes on top."""
    yield f"lb:{item.get('Type', 'application')}", HOURS_A_MONTH


def log_group(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """What is stored in it."""
    if stored := item.get("storedBytes"):
        yield "cloudwatch:logs-stored", stored / GIB


def repository(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """Its images, layers that they share counted for each."""
    pages = clients("ecr").get_paginator("describe_images").paginate(repositoryName=item["repositoryName"])
    stored = sum(image.get("imageSizeInBytes", 0) for page in pages for image in page["imageDetails"])
    if stored:
        yield "ecr:storage", stored / GIB


def endpoint(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """The machines of its variants, as many as run now."""
    sagemaker = clients("sagemaker")
    described = sagemaker.describe_endpoint(EndpointName=item["EndpointName"])
    if described["EndpointStatus"] == "Failed":
        return
    config = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    counts = {
        each["VariantName"]: each.get("CurrentInstanceCount", 0) for each in described.get("ProductionVariants", [])
    }
    for variant in config["ProductionVariants"]:
        count = counts.get(variant["VariantName"], variant.get("InitialInstanceCount", 0))
        if "InstanceType" in variant and count:
            yield f"sagemaker:{variant['InstanceType']}", HOURS_A_MONTH * count


def training_job(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """Its machines, if it ran for a whole month."""
    resources = item["ResourceConfig"]
    if "InstanceType" in resources:
        yield f"sagemaker:{resources['InstanceType']}", HOURS_A_MONTH * resources.get("InstanceCount", 1)


def processing_job(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """Its machines, if it ran for a whole month."""
    resources = item["ProcessingResources"]["ClusterConfig"]
    yield f"sagemaker:{resources['InstanceType']}", HOURS_A_MONTH * resources["InstanceCount"]


def tracking_server(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """By its size; a stopped one keeps its disk alone, whose price is not known here."""
    name = item["TrackingServerName"]
    server = clients("sagemaker").describe_mlflow_tracking_server(TrackingServerName=name)
    yield f"sagemaker:mlflow-server-{server['TrackingServerSize'].lower()}", 1


def database(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """Its machine and its disk."""
    zones = "multi-az" if item.get("MultiAZ") else "single-az"
    yield f"rds:{item['Engine']}:{item['DBInstanceClass']}:{zones}", HOURS_A_MONTH
    if size := item.get("AllocatedStorage"):
        yield f"rds:{item.get('StorageType') or 'gp3'}-storage:{zones}", size


def alarm(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """Each metric that it looks at counts."""
    queries = item.get("Metrics") or ()
    yield "cloudwatch:alarm-metric", max(1, sum(1 for each in queries if each.get("MetricStat")))


def secret(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """A secret that is scheduled for deletion costs nothing (https://aws.amazon.com/secrets-manager/pricing/)."""
    if not item.get("DeletedDate"):
        yield "secretsmanager:secret", 1


def key(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """A key that is scheduled for deletion costs nothing (https://aws.amazon.com/kms/pricing/)."""
    if item.get("KeyState") != "PendingDeletion":
        yield "kms:key", 1
