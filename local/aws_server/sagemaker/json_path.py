"""The JSONPath of batch transform's filters: a name, an index, a slice, a choice of them, a wildcard.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html ("Supported JSONPath
Operators"). Nothing else of JSONPath exists there; what is not in the table is refused here.
"""

import re
from typing import Any, cast

NAME = re.compile(r"\.([^.\[\]'*\s]+)")
BRACKET = re.compile(r"\.?\[([^\]]*)\]")
QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
SLICE = re.compile(r"(-?\d*):(-?\d*)")
Step = list[str | int | slice] | None
"""What is taken at one level: names, indexes and slices; None is a wildcard."""


class FilterError(ValueError):
    """A filter that is none, or that does not fit a record."""


class JsonPath:
    """A compiled filter. Raises FilterError for what the documentation does not know."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._steps = _steps(text)

    @property
    def whole(self) -> bool:
        """Whether it selects everything."""
        return not self._steps

    def select(self, value: Any) -> Any:
        """The portion of a JSON value. Raises FilterError where the value has no such place."""
        return self._select(value, 0)

    def _select(self, value: Any, number: int) -> Any:
        if number == len(self._steps):
            return value
        step = self._steps[number]
        if step is None:
            if not isinstance(value, dict | list):
                raise self._unfit()
            values = cast("dict[str, Any]", value).values() if isinstance(value, dict) else cast("list[Any]", value)
            return [self._select(each, number + 1) for each in values]
        if isinstance(value, dict) and all(isinstance(each, str) for each in step):
            document = cast("dict[str, Any]", value)
            try:
                found = {str(name): self._select(document[str(name)], number + 1) for name in step}
            except KeyError as error:
                raise self._unfit() from error
            return found if len(step) > 1 else found[str(step[0])]
        if isinstance(value, list) and not any(isinstance(each, str) for each in step):
            return self._of_list(cast("list[Any]", value), step, number)
        raise self._unfit()

    def _of_list(self, values: list[Any], step: list[str | int | slice], number: int) -> Any:
        try:
            if len(step) == 1 and isinstance(step[0], int):
                return self._select(values[step[0]], number + 1)
            chosen: list[Any] = []
            for each in step:
                part = values[each] if isinstance(each, slice) else [values[cast("int", each)]]
                chosen += [self._select(one, number + 1) for one in part]
        except IndexError as error:
            raise self._unfit() from error
        return chosen

    def _unfit(self) -> FilterError:
        return FilterError(f"the filter {self.text} does not fit a record")


def _steps(text: str) -> list[Step]:
    problem = FilterError(
        f"{text} is no filter that batch transform knows: $, $.name, $.*, $['a','b'], $[0,2], $[1:], and these in turn."
    )
    if not text.startswith("$"):
        raise problem
    steps: list[Step] = []
    position = 1
    while position < len(text):
        if text.startswith(".*", position):
            steps.append(None)
            position += 2
        elif match := NAME.match(text, position):
            steps.append([match[1]])
            position = match.end()
        elif match := BRACKET.match(text, position):
            inside = match[1].strip()
            steps.append(None if inside == "*" else [_choice(each.strip(), problem) for each in inside.split(",")])
            position = match.end()
        else:
            raise problem
    return steps


def _choice(text: str, problem: FilterError) -> str | int | slice:
    if match := QUOTED.fullmatch(text):
        return match[1] if match[1] is not None else match[2]
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if match := SLICE.fullmatch(text):
        return slice(int(match[1]) if match[1] else None, int(match[2]) if match[2] else None)
    raise problem
