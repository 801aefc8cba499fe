"""How the account's registry scans images: a setting of the whole registry, so an account has it once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

Scan = Literal["basic", "enhanced"]
FREQUENCIES: dict[Scan, str] = {"basic": "SCAN_ON_PUSH", "enhanced": "CONTINUOUS_SCAN"}


@dataclass(frozen=True, kw_only=True)
class ImageScanningArgs:
    """What image scanning needs.

    scan: `basic` when an image is pushed, `enhanced` by Amazon Inspector as long as it is kept, which costs by image.
    repositories: names, with `*`, of the repositories that are scanned.
    """

    scan: Scan = "basic"
    repositories: Sequence[str] = ("groundwork/*",)


class ImageScanning(pulumi.ComponentResource):
    """The registry's scanning configuration (https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html)."""

    def __init__(self, name: str, args: ImageScanningArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:registry:ImageScanning", name, None, opts)
        aws.ecr.RegistryScanningConfiguration(
            name,
            scan_type=args.scan.upper(),
            rules=[
                aws.ecr.RegistryScanningConfigurationRuleArgs(
                    scan_frequency=FREQUENCIES[args.scan],
                    repository_filters=[
                        aws.ecr.RegistryScanningConfigurationRuleRepositoryFilterArgs(
                            filter=repository, filter_type="WILDCARD"
                        )
                        for repository in args.repositories
                    ],
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
