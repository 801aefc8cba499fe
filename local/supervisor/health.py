"""Asks a service whether it is ready."""

import ssl
import urllib.request

from local.supervisor.spec import ServiceSpec

TIMEOUT_S = 2.0

# A proxy from the environment must not be asked for loopback addresses, and a certificate of our own authority proves
# nothing that the loopback interface does not.
_context = ssl.create_default_context()
_context.check_hostname = False
_context.verify_mode = ssl.CERT_NONE
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_context))


def answers(url: str) -> bool:
    """True when a GET of the URL gives 200 within TIMEOUT_S."""
    try:
        with _opener.open(url, timeout=TIMEOUT_S) as response:
            return response.status == 200
    except (OSError, ValueError):
        return False


def is_healthy(spec: ServiceSpec) -> bool:
    """The service's own health check; whatever it raises counts as not ready."""
    if spec.ready_file is not None and not spec.ready_file.exists():
        return False
    if isinstance(spec.health, str):
        return answers(spec.health)
    try:
        return spec.health()
    except Exception:
        return False
