"""`ml approve` and `ml reject`."""

from ml.commands.output import Format, print_json, say
from ml.environment import open_environment
from ml.errors import ExitCode
from ml.registry import approval, packages


def approve(reference: str, *, env: str | None, output: Format, reason: str) -> ExitCode:
    """Approve a version that somebody else has promoted."""
    deciding = approval.look_up(open_environment(env), reference)
    say(f"{deciding.name}, asked for by {deciding.package.author or 'somebody'}: looking its evidence up again")
    evidence = approval.approve(deciding, reason)
    if evidence is not None:
        from ml.registry.cards import store_card

        store_card(deciding.environment, deciding.contract, deciding.team, deciding.version)
    alias = deciding.package.metadata.get(packages.ALIAS, "champion")
    if output is Format.JSON:
        document = {"model": deciding.version.name, "version": deciding.version.version, "alias": alias}
        print_json({**document, "package": deciding.package.arn, "status": packages.APPROVED})
    else:
        print(f"{deciding.name} is approved, and the {alias} of {deciding.contract.platform.environment}.")
    return ExitCode.OK


def reject(reference: str, *, env: str | None, output: Format, reason: str) -> ExitCode:
    """Reject a version that somebody else has promoted."""
    deciding = approval.look_up(open_environment(env), reference)
    approval.reject(deciding, reason)
    if output is Format.JSON:
        document = {"model": deciding.version.name, "version": deciding.version.version}
        print_json({**document, "package": deciding.package.arn, "status": packages.REJECTED})
    else:
        print(f"{deciding.name} is rejected.")
    return ExitCode.OK
