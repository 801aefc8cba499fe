"""CodeBuild as a runner of other forges' jobs needs it: projects, webhooks and source credentials; nothing builds."""

from local.aws_server.codebuild import builds, credentials, projects, webhooks

__all__ = ["builds", "credentials", "projects", "webhooks"]
