"""`ml experiment`: what the A/B test on an endpoint says so far."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from ml.abtest import Decision, Finding, Metric
from ml.abtest.outcomes import OUTCOMES, Reading, Source
from ml.abtest.running import Plan, Result, check_margin, look, running_test
from ml.captures import read_truth
from ml.commands.endpoints import find
from ml.commands.output import Format, print_json, table
from ml.durations import parsed
from ml.environment import open_environment, readable_errors, team_of
from ml.errors import ExitCode, SpecError

CODES = {
    Decision.BETTER: ExitCode.OK,
    Decision.ALIKE: ExitCode.OK,
    Decision.GO_ON: ExitCode.IN_PROGRESS,
    Decision.WORSE: ExitCode.REFUSED,
    Decision.UNDECIDED: ExitCode.REFUSED,
    Decision.BROKEN: ExitCode.REFUSED,
}


def experiment(
    name: str,
    *,
    env: str | None,
    output: Format,
    metric: str,
    truth: str | None,
    guards: Sequence[str],
    margin: float | None,
    alpha: float,
    most: int,
    since: str | None,
    threshold: float | None,
    column: str | None,
    higher_is_better: bool | None,
) -> ExitCode:
    """Print what is known of the test; the exit code is the decision's."""
    plan = _plan(metric, truth, guards, margin, alpha, most, threshold, column, higher_is_better)
    start = _moment(since) if since else None
    environment = open_environment(env)
    with readable_errors(environment), ExitStack() as stack:
        endpoint = find(environment.clients.client("sagemaker"), name).name
        team = team_of(environment, endpoint)
        contract = environment.for_team(team)
        test = running_test(environment, contract, team, endpoint)
        known = stack.enter_context(read_truth(environment.clients.client("s3"), truth)) if truth else None
        result = look(environment, contract, test, plan, known, since=start)
        untaken = known.untaken if known is not None else 0
    following = _next(result, environment.name, approval=contract.registry.approval_required)
    if output is Format.JSON:
        print_json({**result.document(), "most": plan.most, "truth_without_request": untaken, "next": following})
    else:
        _print(result, plan, untaken)
        for line in following:
            print(f"  {line}")
    return CODES[result.verdict.decision]


def _plan(
    metric: str,
    truth: str | None,
    guards: Sequence[str],
    margin: float | None,
    alpha: float,
    most: int,
    threshold: float | None,
    column: str | None,
    higher_is_better: bool | None,
) -> Plan:
    outcome = OUTCOMES.get(metric)
    if outcome is None:
        raise SpecError(f"--metric {metric}: there is {', '.join(OUTCOMES)}")
    if (outcome.source is Source.TRUTH) is not (truth is not None):
        raise SpecError(
            f"--metric {metric} compares with what became true: say --truth FILE"
            if truth is None
            else f"--metric {metric} needs no --truth; with truth there is "
            + ", ".join(one.name for one in OUTCOMES.values() if one.source is Source.TRUTH)
        )
    if not 0 < alpha < 1:
        raise SpecError(f"--alpha {alpha:g}: it is a probability, above 0 and below 1")
    check_margin(margin, "--margin")
    watched: list[tuple[Metric, str]] = []
    for guard in guards:
        guarded, _, text = guard.partition("=")
        known = OUTCOMES.get(guarded)
        if known is None or known.source is not Source.CLOUDWATCH or guarded == metric:
            names = [one.name for one in OUTCOMES.values() if one.source is Source.CLOUDWATCH and one.name != metric]
            raise SpecError(f"--guard {guard}: beside --metric {metric} there is {', '.join(names)}")
        try:
            beyond = float(text) if text else None
        except ValueError:
            raise SpecError(f"--guard {guard}: {text!r} is no number") from None
        check_margin(beyond, f"--guard {guard}")
        # All guards together are wrong as often as one metric may be.
        share = alpha / len(guards)
        watched.append(
            (Metric(name=guarded, higher_is_better=known.higher_is_better, alpha=share, margin=beyond), guarded)
        )
    better = outcome.higher_is_better if higher_is_better is None else higher_is_better
    deciding = Metric(name=metric, higher_is_better=better, alpha=alpha, margin=margin)
    return Plan(
        metric=(deciding, Reading(outcome=outcome, threshold=threshold, column=column)),
        guards=[(guard, OUTCOMES[name]) for guard, name in watched],
        most=most,
    )


def _moment(text: str) -> datetime:
    """A time, or how long ago. Raises SpecError."""
    try:
        return datetime.now(UTC) - timedelta(seconds=parsed(text))
    except (ValueError, TypeError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SpecError(f"--since {text}: say a time such as 2026-11-21T09:00, in UTC, or how long ago: 2d") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _print(result: Result, plan: Plan, untaken: int) -> None:
    test = result.test
    print(f"{test.endpoint}: main ({test.main.job}) against challenger ({test.challenger.job})")
    begun = f"{result.begun:%Y-%m-%d %H:%M:%S} UTC" if result.begun else "no request of the challenger yet"
    print(f"  since {begun}; ends after {plan.most:,} observations at the latest")
    rows = [_row(finding, "guard") for finding in result.guards]
    header = ("", "METRIC", "MAIN", "CHALLENGER", "DIFFERENCE", "INTERVAL AT ANY TIME", "SAYS")
    print(table(header, [_row(result.finding, "decides"), *rows]))
    split = result.split
    if split.main + split.challenger:
        word = "broken" if split.broken else "as it should be"
        print(
            f"  split: {split.observed:.1%} for the challenger, {split.intended:.1%} intended: {word} "
            f"(p {split.p_value:.3g} at any time, {split.chi_squared_p_value:.3g} by chi-squared)"
        )
    if result.read is not None:
        for reason, count in sorted(result.read.left_out.items()):
            print(f"  left out: {count:,} requests, {reason}")
    if untaken:
        print(f"  truth without a captured request of this time: {untaken:,} rows")
    print(f"Decision: {result.verdict.decision.value}: {result.verdict.because}.")


def _row(finding: Finding, role: str) -> tuple[str, ...]:
    metric, interval = finding.metric, finding.interval
    unit = OUTCOMES[metric.name].unit
    says = finding.decision.value
    if role == "guard":
        says = "harmed" if finding.harmed else "not harmed"
    known = math.isfinite(interval.low) and finding.main_count and finding.challenger_count
    low, high = f"{interval.low:+.4g}", f"{interval.high:+.4g}"
    return (
        role,
        metric.name,
        f"{finding.main:.4g}{unit} of {finding.main_count:,}" if finding.main_count else "none",
        f"{finding.challenger:.4g}{unit} of {finding.challenger_count:,}" if finding.challenger_count else "none",
        f"{interval.estimate:+.4g}{unit}" if math.isfinite(interval.estimate) else "",
        f"{100 * (1 - metric.alpha):.4g} %: {low} to {high}" if known else "too few observations",
        says,
    )


def _next(result: Result, environment: str, *, approval: bool) -> list[str]:
    """What to do now, as commands."""

    def deploys(job: str) -> str:
        what = f"--model NAME/VERSION   # the version of {job}" if approval else f"--job {job}"
        return f"ml deploy JOB.YAML --variant main --rollout all-at-once --env {environment} {what}"

    take, drop = f"{deploys(result.test.challenger.job)}", f"{deploys(result.test.main.job)}"
    match result.verdict.decision:
        case Decision.BETTER:
            return [f"The challenger takes over: {take}"]
        case Decision.ALIKE:
            return [f"The challenger takes over: {take}", f"Main stays alone: {drop}"]
        case Decision.GO_ON:
            return ["Ask again whenever you like: looking costs nothing."]
        case Decision.BROKEN:
            return ["Find out first why one variant lost requests or truth; no number above can be trusted."]
        case Decision.UNDECIDED:
            return [f"Main stays alone: {drop}", "Or a longer test, which the interval allows: --most with more."]
        case _:
            return [f"Main stays alone: {drop}"]
