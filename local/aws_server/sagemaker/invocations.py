"""What follows from each invocation of an endpoint: metrics, captures, and copies for shadow variants."""

import threading

from local.aws_server.sagemaker.data_capture import OCTETS, DataCapture, Exchange
from local.aws_server.sagemaker.endpoint_metrics import EndpointMetrics, Source, interval_of, is_enhanced
from local.aws_server.sagemaker.exchange import Answered
from local.aws_server.sagemaker.fleet import Fleet, Variant
from local.aws_server.sagemaker.plane import Plane
from local.aws_server.sagemaker.shadow import Copy, Mirror


class Invocations:
    """Of every endpoint of a server. Nothing here lets an invocation wait for S3, CloudWatch or a shadow."""

    def __init__(self, plane: Plane) -> None:
        self.metrics = EndpointMetrics(plane)
        self.capture = DataCapture(plane, self.metrics)
        self._mirrors: dict[Fleet, Mirror] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Starts to send."""
        self.metrics.start()
        self.capture.start()

    def note(self, region: str, endpoint: str, copy: Copy, answered: Answered, *, total_s: float) -> None:
        """One invocation of a variant: its metrics and, where it succeeded, its capture.

        total_s: seconds since the request came.
        """
        fleet, variant, reply = answered.fleet, answered.variant.name, answered.reply
        if reply is not None and reply.status // 100 == 2:
            kinds = [value for name, value in reply.headers.items() if name.lower() == "content-type"]
            exchange = Exchange(
                request_type=copy.content_type,
                request=copy.body,
                answer_type=kinds[0] if kinds else OCTETS,
                answer=reply.body,
                inference_id=copy.inference_id,
                custom_attributes=copy.custom_attributes,
            )
            self.capture.take(region, endpoint, variant, fleet, exchange)
        self.metrics.count(
            _source(region, endpoint, fleet, variant, answered.instance),
            instances=answered.variant.count,
            status=answered.status,
            model_s=answered.model_s,
            overhead_s=max(0.0, total_s - answered.model_s),
        )

    def copy_to_shadows(self, region: str, endpoint: str, copy: Copy, fleet: Fleet) -> None:
        """Offers a request to the shadow variants of the fleet that had it."""
        if fleet.shadows:
            self._mirror(region, endpoint, fleet).offer(copy)

    def _mirror(self, region: str, endpoint: str, fleet: Fleet) -> Mirror:
        def done(copy: Copy, answered: Answered) -> None:
            self.note(region, endpoint, copy, answered, total_s=answered.model_s)

        def dropped(variant: Variant) -> None:
            self.metrics.note(_source(region, endpoint, fleet, variant.name), "ShadowRequestsDropped")

        with self._lock:
            mirror = self._mirrors.get(fleet)
            if mirror is None:
                self._mirrors = {known: one for known, one in self._mirrors.items() if not known.retired}
                mirror = self._mirrors[fleet] = Mirror(fleet, done, dropped)
            return mirror


def _source(region: str, endpoint: str, fleet: Fleet, variant: str, instance: str = "") -> Source:
    config = fleet.deployment.config
    return Source(
        region=region,
        endpoint=endpoint,
        variant=variant,
        config=config["EndpointConfigName"],
        instance=instance if is_enhanced(config) else "",
        component=fleet.deployment.component,
        interval_s=interval_of(config),
    )
