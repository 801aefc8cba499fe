"""The builder of container images, and what teams may ask of it."""

from components.image_builder import ImageBuilder, ImageBuilderArgs, log_group_name, project_name
from components.image_builder_policy import CONTEXTS, TeamImages
from components.team_prefix import team_prefix
from infra.wiring.context import Context
from infra.wiring.foundations import Foundations


def image_builder(context: Context, base: Foundations) -> ImageBuilder | None:
    """The builder, unless the settings do without."""
    chosen, settings = context.settings.registry.build, context.settings
    if not chosen.enabled:
        return None
    return ImageBuilder(
        "images",
        ImageBuilderArgs(
            placement=context.placement,
            registry_host=base.registry.urls["serving"].apply(lambda url: url.partition("/")[0]),
            repository_arns=list(base.registry.arns.values()),
            artifact_bucket=base.store.artifact_bucket,
            artifact_bucket_arn=base.store.artifact_bucket_arn,
            # Of every team, by one pattern: the policy does not grow with their number.
            context_prefixes=[f"{team_prefix('*')}/{CONTEXTS}"],
            kms_key_arn=base.keys.data_arn,
            logs_key_arn=base.keys.logs_arn,
            base_image=chosen.base_image or "",
            sbom_image=chosen.sbom_image,
            fail_on=chosen.fail_on,
            size=chosen.size,
            minutes=chosen.minutes,
            scan_minutes=chosen.scan_minutes,
            concurrent=chosen.concurrent,
            log_days=chosen.log_days,
            delete_contents=settings.protection.delete_contents,
            protect=settings.protection.protect,
        ),
        context.opts,
    )


def team_images(context: Context, base: Foundations) -> TeamImages:
    """What members of a team do about images."""
    chosen = context.settings.registry.build
    return TeamImages(
        repository_arns=list(base.registry.arns.values()),
        project=project_name(context.placement) if chosen.enabled else None,
        log_group=log_group_name(context.placement),
        buildable=chosen.team_repositories if chosen.enabled else (),
    )
