"""Sign-in for Amazon Managed Grafana, where the settings name one."""

import urllib.request
from collections.abc import Iterator

from botocore.exceptions import ClientError

from infra.sections.grafana import GrafanaSettings
from operations.calls import code_of, is_denied
from operations.doctor.finding import Finding, failure, ok, warning
from operations.doctor.subject import Subject

CHECK = "sign-in"


def check_sign_in(subject: Subject) -> Iterator[Finding]:
    """IAM Identity Center with the groups that the settings name, or the SAML provider's metadata."""
    monitoring = subject.settings.monitoring
    chosen = monitoring.grafana
    if not (monitoring.prometheus and chosen.enabled and chosen.sign_in):
        return
    if chosen.saml is not None:
        yield _saml(chosen.saml.metadata_url)
    else:
        yield from _identity_center(subject, chosen)


def _identity_center(subject: Subject, chosen: GrafanaSettings) -> Iterator[Finding]:
    """https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_ListInstances.html"""
    where = f"IAM Identity Center, {subject.env.region}"
    instances = subject.client("sso-admin").list_instances()["Instances"]
    if not instances:
        mend = (
            "enable IAM Identity Center (its own region, once an organization), or set monitoring.grafana.signIn to "
            "SAML, or take it away: then Grafana runs on the cluster"
        )
        yield failure(CHECK, where, "the account sees no instance: a workspace with signIn AWS_SSO is refused", mend)
        return
    store = instances[0]["IdentityStoreId"]
    yield ok(CHECK, where, f"{instances[0]['InstanceArn']}")
    directory = subject.client("identitystore")
    for group in dict.fromkeys((*chosen.admin_groups, *chosen.viewer_groups)):
        try:
            name = directory.describe_group(IdentityStoreId=store, GroupId=group).get("DisplayName", "")
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                mend = subject.aws(f"identitystore list-groups --identity-store-id {store}")
                yield failure(CHECK, where, f"there is no group {group}", f"{mend} shows them")
            elif is_denied(error):
                yield warning(CHECK, where, f"whether there is a group {group} is not known: the caller may not ask")
            else:
                raise
        else:
            yield ok(CHECK, where, f"group {group}: {name}")


def _saml(address: str) -> Finding:
    """The provider's metadata as this machine gets them; AWS must get them too."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310
            text = answer.read(1_000_000).decode(errors="replace")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return warning(CHECK, address, f"it does not answer here: {reason}", "AWS must reach it: open it in a browser")
    if "EntityDescriptor" not in text:
        return failure(CHECK, address, "it answers with something other than SAML metadata", "mend saml.metadataUrl")
    return ok(CHECK, address, "SAML metadata")
