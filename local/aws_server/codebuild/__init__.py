"""CodeBuild: projects, webhooks and credentials as a runner of other forges' jobs needs them; builds that truly run."""

from local.aws_server.codebuild import builds, credentials, lifecycle, projects, webhooks

__all__ = ["builds", "credentials", "lifecycle", "projects", "webhooks"]
