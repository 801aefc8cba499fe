"""Options of the `groundwork team` commands, each in one place."""

from typing import Annotated

import typer

Environment = Annotated[str, typer.Argument(metavar="ENV", help="The environment: its settings are Pulumi.<ENV>.yaml.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The team.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Recount = Annotated[
    bool, typer.Option("--recount", help="Let the automatic shares of the other teams be counted anew.")
]
NoPlan = Annotated[
    bool, typer.Option("--no-plan", help="Do not hold the engine to its preview's plan; its targets hold it still.")
]
Cpus = Annotated[int | None, typer.Option("--cpus", min=0, help="CPUs that its pods ask for at a time.")]
Memory = Annotated[int | None, typer.Option("--memory-gib", min=0, help="GiB that its pods ask for at a time.")]
Gpus = Annotated[int | None, typer.Option("--gpus", min=0, help="GPUs that its pods ask for at a time.")]
Neuron = Annotated[int | None, typer.Option("--neuron-devices", min=0, help="Trainium and Inferentia chips.")]
Pods = Annotated[int | None, typer.Option("--pods", min=0, help="Pods at a time.")]
Members = Annotated[
    list[str] | None, typer.Option("--member", metavar="role/R", help="An IAM role or user that may submit jobs.")
]
Approvers = Annotated[
    list[str] | None, typer.Option("--approver", metavar="role/R", help="Who may approve its models.")
]
Tag = Annotated[
    bool | None, typer.Option("--member-tag/--no-member-tag", help="Whoever has the IAM tag groundwork:team=NAME, too.")
]
Guaranteed = Annotated[
    list[str] | None,
    typer.Option("--guaranteed", metavar="CLASS=N", help="What of an instance class is its own (docs/queues.md)."),
]
BorrowOnly = Annotated[
    bool, typer.Option("--borrow-only", help="It owns nothing of the pools, and borrows what is idle.")
]
Borrow = Annotated[int | None, typer.Option("--borrow", min=0, help="The most of a class beyond its own.")]
Lend = Annotated[int | None, typer.Option("--lend", min=0, help="The most of its own that others may use.")]
Budget = Annotated[
    int | None, typer.Option("--budget", min=0, metavar="USD", help="Dollars a month; 0 takes the budget away.")
]
