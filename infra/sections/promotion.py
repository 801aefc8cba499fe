"""Settings of promotions between accounts."""

from typing import Annotated

from pydantic import AfterValidator

from infra.sections.section import Section
from infra.sections.values import matching

Account = Annotated[
    str, AfterValidator(matching(r"\d{12}", 'an AWS account id: 12 digits, in quotes, such as "123456789012"'))
]
StackName = Annotated[str, AfterValidator(matching(r"[a-z][a-z0-9-]{0,18}[a-z0-9]", "a stack's name, such as dev"))]


class SourceSettings(Section):
    """An environment that models come from. environment: its stack's name. account_id: its account."""

    environment: StackName
    account_id: Account


class PromotionSettings(Section):
    """Models that are promoted between accounts; both sides say so.

    to: accounts that models are promoted to from here: members' roles there may read registered models here.
    sources: environments of other accounts that models come from: members may read registered models there.
    """

    to: tuple[Account, ...] = ()
    sources: tuple[SourceSettings, ...] = ()
