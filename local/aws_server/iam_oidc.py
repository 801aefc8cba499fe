"""Client ids (audiences) of identity providers, which moto cannot change after the creation."""

from typing import Any

from moto.iam.models import iam_backends

from local.aws_server.operations import Call, operation


@operation("iam", "AddClientIDToOpenIDConnectProvider")
def add_client_id(call: Call) -> dict[str, Any]:
    """Adding one that is there already does nothing, as on AWS."""
    return _change(call, wanted=True)


@operation("iam", "RemoveClientIDFromOpenIDConnectProvider")
def remove_client_id(call: Call) -> dict[str, Any]:
    """Removing one that is not there does nothing, as on AWS."""
    return _change(call, wanted=False)


def _change(call: Call, *, wanted: bool) -> dict[str, Any]:
    arn, client_id = call.params["OpenIDConnectProviderArn"], call.params["ClientID"]
    # Raises NoSuchEntity where there is no such provider.
    call.server.call("iam", "GetOpenIDConnectProvider", {"OpenIDConnectProviderArn": arn})
    with call.server.changing("iam"):
        ids = iam_backends[call.account_id]["aws"].get_open_id_connect_provider(arn).client_id_list
        if wanted and client_id not in ids:
            ids.append(client_id)
        elif not wanted and client_id in ids:
            ids.remove(client_id)
    return {}
