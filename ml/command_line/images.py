"""`ml images build`, `list` and `show`."""

from pathlib import Path
from typing import Annotated

import typer

from ml.command_line.root import end, group
from ml.commands.output import Format
from ml.options import Env, Output, Team, Wait, epilog

images = group("images", "Build container images in the platform's account, and look at them.")


@images.command(
    epilog=epilog(
        "ml images build serving --env local                    # the image that endpoints serve with",
        "ml images build training --tag 1.4.0 --env dev --team research",
        "ml images build training --folder docker --spec job.yaml --env dev   # the project's own Dockerfile",
        more="No container engine is needed here: CodeBuild builds, ECR scans, and what it finds keeps an image back.",
    )
)
def build(
    repository: Annotated[
        str, typer.Argument(metavar="REPOSITORY", help="One of the platform's: serving, training, …")
    ],
    env: Env = None,
    output: Output = Format.TEXT,
    tag: Annotated[
        str | None,
        typer.Option(
            "--tag",
            metavar="VERSION",
            help="Its tag, which never moves. Without: what endpoints use, for serving; else the files' digest.",
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="PATH", help="Folder with a Dockerfile, not the platform's own.")
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option("--spec", metavar="JOB.YAML", help="Write the digest into images.lock beside this spec."),
    ] = None,
    team: Team = None,
    wait: Wait = True,
) -> None:
    """Build an image from a Dockerfile, have it scanned, and release it under its tag."""
    from ml.commands import images as command

    end(command.build(repository, env=env, output=output, tag=tag, folder=folder, spec_file=spec, team=team, wait=wait))


@images.command("list", epilog=epilog("ml images list --env dev", "ml images list training -o json"))
def list_(
    repository: Annotated[
        str | None, typer.Argument(metavar="REPOSITORY", help="One of them; without it, all.")
    ] = None,
    env: Env = None,
    output: Output = Format.TEXT,
) -> None:
    """List the images of the platform's registry: tags, digest, findings."""
    from ml.commands import images as command

    end(command.list_images(repository, env=env, output=output))


@images.command(epilog=epilog("ml images show serving:0.1.0 --env dev", "ml images show serving@sha256:… -o json"))
def show(
    image: Annotated[str, typer.Argument(metavar="REPOSITORY:TAG", help="An image, by its tag or digest.")],
    env: Env = None,
    output: Output = Format.TEXT,
) -> None:
    """Show an image: its digest, what the scan found, and whether its bill of materials is attached."""
    from ml.commands import images as command

    end(command.show(image, env=env, output=output))
