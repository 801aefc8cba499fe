"""Settings of what keeps data: keys, buckets, image repositories, and how they are protected."""

from typing import Annotated

from pydantic import AfterValidator, Field

from infra.sections.section import Section
from infra.sections.values import Days, KubernetesName, matching

Tag = Annotated[str, AfterValidator(matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "an image tag, such as 1.0.0"))]


class KeysSettings(Section):
    """The KMS keys.

    rotation_days: days between rotations of the key material.
    deletion_window_days: days that a deleted key can still be saved.
    """

    rotation_days: Annotated[int, Field(ge=90, le=2560)] = 365
    deletion_window_days: Annotated[int, Field(ge=7, le=30)] = 30


class StorageSettings(Section):
    """The buckets.

    retention_days: days after which a superseded or deleted version of an object is gone for good.
    log_retention_days: days that the buckets' access logs are kept.
    """

    retention_days: Days = 90
    log_retention_days: Days = 365


class RegistrySettings(Section):
    """The image repositories.

    repositories: one repository each, by purpose, besides `training` and `serving`.
    serving_tag: tag of the serving image that endpoints use when a job names none.
    keep_images: newest images that are kept in each repository.
    untagged_days: days after which an image without a tag is deleted.
    """

    repositories: tuple[KubernetesName, ...] = ()
    serving_tag: Tag = "0.1.0"
    keep_images: Annotated[int, Field(ge=1)] = 100
    untagged_days: Days = 7


class ProtectionSettings(Section):
    """What a destroy may take with it.

    protect: Pulumi refuses to delete or replace what holds data (buckets, keys, images, cluster, tracking server).
    cluster_deletion: EKS itself refuses to delete the cluster.
    delete_contents: buckets and repositories are deleted with what is in them.
    """

    protect: bool = True
    cluster_deletion: bool = True
    delete_contents: bool = False
