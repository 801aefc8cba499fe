"""What an endpoint is asked and answers, kept for later."""

from pydantic import Field

from ml.spec.base import SpecModel


class Capture(SpecModel):
    """Requests and answers of an endpoint, written to the team's artifact prefix (capture/ENDPOINT/main/…)."""

    percent: float = Field(default=100.0, gt=0, le=100, description="Share of the requests that is kept.")
