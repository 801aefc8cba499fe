"""Reports of ours as one comment: a preview's, a rehearsal's, or both, within what the forge takes.

Read from their JSON and written anew here: of a report that a pull request's own program has made, nothing but the
words in its fields reaches the comment, and never more of them than there is room for.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from local.errors import LocalStackError
from operations.rehearsal.model import FORMAT as REHEARSAL
from operations.rehearsal.model import Rehearsal
from operations.rehearsal.report import document_of as rehearsed
from operations.review.document import Document, Foreign, Item, Section
from operations.review.document import document_of as previewed
from operations.review.markdown import as_markdown, size
from operations.review.model import FORMAT as PREVIEW
from operations.review.model import Report, Verdict

SHARE = 4
"""The part of the room that a report behind the first may take: what a reviewer must know first needs the most."""


def joined(files: Sequence[Path], limit: int) -> str:
    """The reports below each other, the first with all the room that the others leave.

    A file that is not there is said to be missing, as the job that was to write it has failed. Raises LocalStackError
    where none is there, or where one is no report.
    """
    if not any(file.exists() for file in files):
        raise LocalStackError(
            f"{' and '.join(map(str, files))} cannot be read: there is no such file.",
            hint="`groundwork preview ENV --json FILE` and `groundwork rehearse --json FILE` write them.",
        )
    first, *others = (_document(file) for file in files)
    below = [as_markdown(document, limit // SHARE) for document in others]
    above = as_markdown(first, limit - sum(size(text) + 1 for text in below))
    return "\n".join([above, *below])


def _document(file: Path) -> Document:
    if not file.exists():
        missing = Section("Look at the job that was to write it", 0, items=[Item((Foreign(file.name),))])
        return Document(Verdict.failed, f"There is no {file.stem}", [missing])
    try:
        content: Any = json.loads(file.read_bytes())
        form = cast(dict[str, Any], content).get("format") if isinstance(content, dict) else None
        if form == PREVIEW:
            return previewed(Report.model_validate(content))
        if form == REHEARSAL:
            return rehearsed(Rehearsal.model_validate(content))
    except OSError as error:
        raise LocalStackError(f"{file} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise LocalStackError(f"{file} does not keep to its schema: {where}: {first['msg']}.") from None
    except ValueError as error:
        raise LocalStackError(f"{file} is no JSON: {error}.") from None
    raise LocalStackError(f"{file} is no report of ours: its format is {form!r}, not {PREVIEW!r} or {REHEARSAL!r}.")
