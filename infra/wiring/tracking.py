"""Experiment tracking, of the kind that the settings choose."""

from components.tracking import ExistingTracking, Tracking, TrackingArgs
from infra.wiring.context import Context
from infra.wiring.foundations import Foundations


def tracking(context: Context, base: Foundations) -> Tracking:
    """A server that SageMaker manages, or one that somebody else looks after."""
    chosen, store = context.settings.tracking, base.store
    if chosen.uri is not None:
        return Tracking(
            "tracking", ExistingTracking(uri=chosen.uri, artifact_bucket=store.artifact_bucket), context.opts
        )
    args = TrackingArgs(
        placement=context.placement,
        artifact_bucket=store.artifact_bucket,
        artifact_bucket_arn=store.artifact_bucket_arn,
        kms_key_arn=base.keys.data_arn,
        size=chosen.size,
        protect=context.settings.protection.protect,
    )
    return Tracking("tracking", args, context.opts)
