"""The List operations' common filters, order and pages."""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from local.aws_server.operations import ServiceError

DEFAULT_PAGE = 10
"""MaxResults of SageMaker's List operations unless the request says otherwise."""


def page(
    entries: Iterable[Mapping[str, Any]],
    params: Mapping[str, Any],
    *,
    name: str,
    status: str = "",
    default_order: str = "Descending",
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The entries of one page, and `{"NextToken": …}` where there are more.

    name, status: the members with the entry's name and status. Filters are the request's NameContains, StatusEquals,
    Creation-, LastModified- and ScheduledTime(Before|After).
    """
    kept = [dict(entry) for entry in entries if _wanted(entry, params, name, status)]
    keys: dict[str, Callable[[dict[str, Any]], Any]] = {
        "Name": lambda entry: entry[name],
        "Status": lambda entry: (entry.get(status, ""), entry["CreationTime"]),
        "CreationTime": lambda entry: entry["CreationTime"],
        "ScheduledTime": lambda entry: entry["ScheduledTime"],
    }
    order = params.get("SortOrder", default_order)
    kept.sort(key=keys[params.get("SortBy", "CreationTime")], reverse=order == "Descending")
    start = _offset(params.get("NextToken"))
    end = start + int(params.get("MaxResults", DEFAULT_PAGE))
    token = {"NextToken": base64.b64encode(str(end).encode()).decode()} if end < len(kept) else {}
    return kept[start:end], token


def _wanted(entry: Mapping[str, Any], params: Mapping[str, Any], name: str, status: str) -> bool:
    if (part := params.get("NameContains")) and part.lower() not in entry[name].lower():
        return False
    if status and (wanted := params.get("StatusEquals")) and entry[status] != wanted:
        return False
    for member in ("CreationTime", "LastModifiedTime", "ScheduledTime"):
        moment = entry.get(member)
        if moment is None:
            continue
        after, before = _moment(params.get(f"{member}After")), _moment(params.get(f"{member}Before"))
        if (after and moment <= after) or (before and moment >= before):
            return False
    return True


def _moment(value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value.astimezone() if value is not None and value.tzinfo is None else value
    return datetime.fromtimestamp(float(value)).astimezone()


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.b64decode(token))
    except (ValueError, binascii.Error) as error:
        raise ServiceError("ValidationException", "The NextToken is not valid.") from error
