"""Settings of what keeps data: keys, buckets, image repositories, and how they are protected."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from components.image_builder import CANDIDATES, SBOM_IMAGE, FailOn, Size
from infra.sections.section import Problem, Section, check
from infra.sections.values import Days, KubernetesName, LogRetention, matching

Tag = Annotated[str, AfterValidator(matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "an image tag, such as 1.0.0"))]


KeyArn = Annotated[
    str,
    AfterValidator(
        matching(
            r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/(mrk-)?[0-9a-f-]{32,36}",
            "the ARN of a KMS key (not of an alias): arn:aws:kms:REGION:ACCOUNT:key/ID",
        )
    ),
]


class ExistingKeys(Section):
    """KMS keys that somebody else looks after, by their ARNs. Each left out is made.

    data: for buckets, images and what jobs write. cluster: for Kubernetes secrets. logs: for log groups.
    """

    data: KeyArn | None = None
    cluster: KeyArn | None = None
    logs: KeyArn | None = None

    @property
    def by_purpose(self) -> dict[str, str]:
        """Purpose to ARN, of those that are named."""
        named = {"data": self.data, "cluster": self.cluster, "logs": self.logs}
        return {purpose: arn for purpose, arn in named.items() if arn is not None}


class KeysSettings(Section):
    """The KMS keys.

    rotation_days: days between rotations of the key material.
    deletion_window_days: days that a deleted key can still be saved.
    existing: use these keys instead of making them.
    """

    rotation_days: Annotated[int, Field(ge=90, le=2560)] = 365
    deletion_window_days: Annotated[int, Field(ge=7, le=30)] = 30
    existing: ExistingKeys = ExistingKeys()


class StorageSettings(Section):
    """The buckets.

    retention_days: days after which a superseded or deleted version of an object is gone for good.
    log_retention_days: days that the buckets' access logs are kept.
    """

    retention_days: Days = 90
    log_retention_days: Days = 365


PinnedImage = Annotated[
    str,
    AfterValidator(
        matching(
            r"[a-z0-9][a-z0-9.-]*(:\d+)?(/[a-z0-9._-]+)+(:[\w.-]{1,128})?@sha256:[0-9a-f]{64}",
            "an image with its registry and its digest: registry/name:tag@sha256:…",
        )
    ),
]


class ImageBuildSettings(Section):
    """The image builder (docs/images.md).

    enabled: whether there is one.
    base_image: given to every Dockerfile as the build argument BASE_IMAGE; left out, each has its own.
    sbom_image: syft, which lists what is in an image.
    fail_on: severity from which on a finding of the scan keeps an image from being released.
    size: of the machine. minutes: the longest build. scan_minutes: how long a scan may take.
    concurrent: most builds at a time. log_days: days that their log is kept.
    team_repositories: repositories that members of teams may build for; others are for whom the account lets.
    """

    enabled: bool = True
    base_image: PinnedImage | None = None
    sbom_image: PinnedImage = SBOM_IMAGE
    fail_on: FailOn = "CRITICAL"
    size: Size = "medium"
    minutes: Annotated[int, Field(ge=5, le=2160)] = 60
    scan_minutes: Annotated[int, Field(ge=1, le=120)] = 20
    concurrent: Annotated[int, Field(ge=1, le=60)] = 4
    log_days: LogRetention = 30
    team_repositories: tuple[KubernetesName, ...] = ("training",)


class RegistrySettings(Section):
    """The image repositories.

    repositories: one repository each, by purpose, besides `training` and `serving`.
    serving_tag: tag of the serving image that endpoints use when a job names none.
    approval_required: whether a model is served only once a person other than its author has approved it.
    keep_images: newest images that are kept in each repository.
    untagged_days: days after which an image without a tag is deleted.
    build: what makes images.
    """

    repositories: tuple[KubernetesName, ...] = ()
    build: ImageBuildSettings = ImageBuildSettings()
    serving_tag: Tag = "0.1.0"
    approval_required: bool = False
    keep_images: Annotated[int, Field(ge=1)] = 100
    untagged_days: Days = 7

    @check("repositories")
    def the_builder_has_its_own(self) -> Iterator[Problem]:
        """The name of the builder's own repository."""
        if CANDIDATES in self.repositories:
            yield Problem(
                key="repositories", value=CANDIDATES, message="the image builder has a repository of this name"
            )

    @check("repositories", "build")
    def teams_build_for_what_there_is(self) -> Iterator[Problem]:
        """Repositories for teams that nothing makes."""
        known = ("training", "serving", *self.repositories)
        for name in self.build.team_repositories:
            if name not in known:
                message = f"allowed are the repositories {', '.join(known)}"
                yield Problem(key="build.teamRepositories", value=name, message=message)


class ProtectionSettings(Section):
    """What a destroy may take with it.

    protect: Pulumi refuses to delete or replace what holds data (buckets, keys, images, cluster, tracking server).
    cluster_deletion: EKS itself refuses to delete the cluster.
    delete_contents: buckets and repositories are deleted with what is in them.
    """

    protect: bool = True
    cluster_deletion: bool = True
    delete_contents: bool = False
