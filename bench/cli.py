"""The command line of the benches."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict

from bench.environments import BenchError
from bench.machine import this_machine
from bench.report import Report, as_text, machine_line

_EXAMPLES = """\
examples:
  make bench                              serving, serving-overhead, preview, job, startup, report (preview to startup
                                          need `make local`), drift, rollback
  python -m bench serving --rounds 3
  python -m bench serving-overhead        what validation, capture and metrics cost, with intervals, five minutes
  python -m bench setup --cold 3          a fresh checkout's `make local`, three times with empty caches
  python -m bench scale --sizes 2         `pulumi up` and preview, 8 pools and 10 teams, then 40 and 100 (3: 64 and 500)
  python -m bench job -o json > job.json
  python -m bench report                  the report of a preview of 500, 2,000 and 10,000 resources
  python -m bench drift                   drift metrics beside Evidently's, and of 3,000,000 rows × 100 columns
  python -m bench rollback                how long a failing canary stays in service, a minute a round
  python -m bench rehearsal               each step of `groundwork rehearse`, five minutes a round
  python -m bench abtest                  how often A/B tests are wrong when one looks all the time, two minutes
  python -m bench startup                 `ml --help`, and `ml status` of the local stack

exit codes: 0 all goals met · 1 a goal missed · 2 something could not be measured
"""
_ALL = ("serving", "serving-overhead", "preview", "job", "startup", "report", "drift", "rollback")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benches that the command line names; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Groundwork's speed beside its peers, in one run on this machine.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "bench",
        nargs="?",
        default="all",
        choices=(
            "serving",
            "serving-overhead",
            "preview",
            "job",
            "startup",
            "report",
            "drift",
            "setup",
            "scale",
            "rehearsal",
            "rollback",
            "abtest",
            "all",
        ),
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument(
        "--rounds",
        type=int,
        help="interleaved rounds (serving 5, serving-overhead 72, preview 20, job 10, startup 20, report 5, drift 3, "
        "rollback 3, setup 3, scale 3, rehearsal 1); "
        "abtest: simulated tests (1000)",
    )
    parser.add_argument("--cold", type=int, default=0, help="setup: runs with empty caches, ten minutes each (0)")
    parser.add_argument("--sizes", type=int, default=2, choices=(1, 2, 3), help="scale: how many sizes (2)")
    parser.add_argument("--seconds", type=float, help="measured time a round (serving 3, serving-overhead 1)")
    options = parser.parse_args(argv)
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    machine = this_machine()
    reports: list[Report] = []
    failures: list[str] = []
    for name in _ALL if options.bench == "all" else (options.bench,):
        try:
            reports.append(_bench(name, options)())
        except BenchError as error:
            failures.append(f"{name}: {error}")
    if options.output == "json":
        document = {
            "machine": asdict(machine),
            "benches": {report.name: asdict(report) for report in reports},
            "failures": failures,
        }
        print(json.dumps(document, indent=2))
    else:
        print(machine_line(machine))
        for report in reports:
            print("\n" + as_text(report))
    for failure in failures:
        print(f"\nerror: {failure}", file=sys.stderr)
    if failures:
        return 2
    return 0 if all(goal.met for report in reports for goal in report.goals) else 1


def _bench(name: str, options: argparse.Namespace) -> Callable[[], Report]:
    from bench import (
        abtest,
        drift,
        job,
        preview,
        preview_report,
        rehearsal,
        rollback,
        scale,
        serving,
        serving_overhead,
        setup,
        startup,
    )

    rounds: int | None = options.rounds

    return {
        "serving": lambda: serving.run(rounds or 5, options.seconds or 3.0),
        "serving-overhead": lambda: serving_overhead.run(rounds or 72, options.seconds or 1.0),
        "preview": lambda: preview.run(rounds or 20),
        "job": lambda: job.run(rounds or 10),
        "startup": lambda: startup.run(rounds or 20),
        "report": lambda: preview_report.run(rounds or 5),
        "setup": lambda: setup.run(rounds or 3, options.cold),
        "rehearsal": lambda: rehearsal.run(rounds or 1),
        "rollback": lambda: rollback.run(rounds or 3),
        "abtest": lambda: abtest.run(rounds or 1000),
        "drift": lambda: drift.run(rounds or 3),
        "scale": lambda: scale.run(options.sizes, rounds or 3),
    }[name]
