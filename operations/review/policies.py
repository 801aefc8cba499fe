"""What a policy event says, apart: what the rule wants, what was found, how it is mended."""

import re

from operations.engine_steps import STACK, name_of, type_of
from operations.review.model import Policy
from operations.review.stream import Violation

_SENTENCE = re.compile(r"(?<=[.;)`\"]) +(?=[A-Z])")


def policy_of(violation: Violation) -> Policy:
    """The rule that does not hold.

    The engine puts a rule's description on the first line of its message. The pack's messages say first what is wrong
    and then what to do (policies/model.py, `ResourceCheck`).
    """
    description, _, rest = violation.message.partition("\n")
    found, *mend = _SENTENCE.split(" ".join((rest or description).split()), maxsplit=1)
    return Policy(
        rule=violation.rule,
        level="mandatory" if violation.level == "mandatory" else "advisory",
        resource="" if type_of(violation.urn) == STACK else name_of(violation.urn),
        description=description.strip(),
        found=found.strip(),
        mend=mend[0].strip() if mend else "",
    )
