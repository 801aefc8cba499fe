"""Identity providers that IAM trusts."""

from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging

_GONE = ("NoSuchEntity",)
_ARN = {"OpenIDConnectProviderArn": "$id"}


def _without_scheme(url: Any) -> Any:
    """IAM tells an issuer without the scheme that it was created with."""
    return str(url).removeprefix("https://")


def _change_client_ids(context: Context) -> None:
    before, after = set(context.old.get("clientIdLists") or ()), set(context.new.get("clientIdLists") or ())
    for word, ids in (("AddClientIDTo", after - before), ("RemoveClientIDFrom", before - after)):
        for client_id in sorted(ids):
            context.take(Call(f"{word}OpenIDConnectProvider", {**_ARN, "ClientID": client_id}))


OPEN_ID_CONNECT_PROVIDER = Resource(
    type="aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    service="iam",
    regional=False,
    docs=page("openidconnectprovider", "iam"),
    id="answer:OpenIDConnectProviderArn",
    properties=(
        Property("url", required=True, replaces=REPLACES, alike=_without_scheme),
        Property("clientIdLists", "set", required=True, path="ClientIDList"),
        Property("thumbprintLists", computed=True, path="ThumbprintList"),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateOpenIDConnectProvider",
        {"Url": "$url", "ClientIDList": "$clientIdLists", "ThumbprintList": "$thumbprintLists"},
    ),
    reads=(Read("GetOpenIDConnectProvider", _ARN, gone=_GONE),),
    updates=(
        Function(_change_client_ids, on=("clientIdLists",)),
        Call(
            "UpdateOpenIDConnectProviderThumbprint",
            {**_ARN, "ThumbprintList": "$thumbprintLists"},
            on=("thumbprintLists",),
            if_set="thumbprintLists",
        ),
    ),
    delete=(Call("DeleteOpenIDConnectProvider", _ARN, ignore=_GONE),),
    derived={"arn": "{id}"},
    stable=("arn",),
    tagging=Tagging(
        member="Tags",
        style="pairs",
        path="Tags",
        add=Call("TagOpenIDConnectProvider", {**_ARN, "Tags": "$tags"}),
        remove=Call("UntagOpenIDConnectProvider", {**_ARN, "TagKeys": "$tagKeys"}),
    ),
    unique=("url",),
)

TYPES = (OPEN_ID_CONNECT_PROVIDER,)
