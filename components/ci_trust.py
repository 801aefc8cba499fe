"""Whom a forge's jobs are to AWS: issuers, subjects, and the trust policies that name them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from components.iam import document

GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
GITHUB_AUDIENCE = "sts.amazonaws.com"
"""https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws"""


@dataclass(frozen=True, kw_only=True)
class GithubRepository:
    """A repository, as GitHub's tokens name it.

    name: `owner/repository`.
    owner_id, repository_id: GitHub's own numbers. Tokens of repositories that were created, renamed or transferred
        since 15 July 2026 name both, so that whoever takes over a freed name gets nothing; without the numbers the
        older form is meant. The form is that of https://github.com/github/docs/pull/45221; the announcement
        (https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens) had an
        earlier date and a hyphen in the place of the `@`.
    """

    name: str
    owner_id: int | None = None
    repository_id: int | None = None

    @property
    def subject(self) -> str:
        """First part of every subject of this repository."""
        owner, _, repository = self.name.partition("/")
        if self.owner_id is None or self.repository_id is None:
            return f"repo:{owner}/{repository}"
        return f"repo:{owner}@{self.owner_id}/{repository}@{self.repository_id}"

    def environment_subject(self, environment: str) -> str:
        """Subject of a job with `environment: NAME`: it names the environment, and neither branch nor event.

        Which branches may use the environment, and who must approve, are rules that GitHub keeps with it.
        """
        return f"{self.subject}:environment:{environment}"


@dataclass(frozen=True, kw_only=True)
class GitlabProject:
    """A project, as GitLab's ID tokens name it (https://docs.gitlab.com/ci/secrets/id_token_authentication/).

    path: `group/project`.
    branch: the protected branch that deploys.
    """

    path: str
    branch: str = "main"

    @property
    def deploy_subject(self) -> str:
        """Subject of a job of a pipeline on the deploying branch."""
        return f"project_path:{self.path}:ref_type:branch:ref:{self.branch}"

    @property
    def preview_subject(self) -> str:
        """Subjects of jobs on any branch of the project itself. A fork's pipelines run in the fork."""
        return f"project_path:{self.path}:ref_type:branch:ref:*"


JENKINS_AUDIENCE = "sts.amazonaws.com"
"""What the credential in Jenkins must be given as its audience; Jenkins itself has no rule."""


@dataclass(frozen=True, kw_only=True)
class JenkinsFolder:
    """A folder with an id token credential of its own, as Jenkins' plugin oidc-provider names it and its jobs.

    A credential of a folder has a key pair and an issuer of its own, and only jobs below the folder get its tokens; so
    which folder a job is in is what it is trusted for (https://plugins.jenkins.io/oidc-provider/: the subject is the
    job's URL; `FolderIssuer.java` of https://github.com/jenkinsci/oidc-provider-plugin: the issuer).
    url: of the controller. path: of the folder, `folder/inner`. issuer: where the credential says that its keys are
    read, for a controller that AWS cannot reach.
    """

    url: str
    path: str
    issuer_url: str | None = None

    @property
    def issuer(self) -> str:
        """The issuer of its tokens."""
        return self.issuer_url or f"{self.url}/oidc{self._items}"

    @property
    def _items(self) -> str:
        return "".join(f"/job/{name}" for name in self.path.split("/"))

    def deploy_subject(self, environment: str) -> str:
        """Subject of the folder's job that deploys an environment: it is named as the environment is."""
        return f"{self.url}{self._items}/job/{environment}/"

    @property
    def preview_subject(self) -> str:
        """Subjects of all jobs below the folder: branches and pull requests of a multibranch project are jobs."""
        return f"{self.url}{self._items}/job/*"


@dataclass(frozen=True, kw_only=True)
class Trusted:
    """Subjects of one issuer that may take a role.

    issuer: its URL. audience: of its tokens. subjects: each in full; patterns: with `*`, for what only reads.
    """

    issuer: str
    audience: str
    subjects: Sequence[str] = ()
    patterns: Sequence[str] = ()


def host_of(issuer: str) -> str:
    """An issuer as ARNs and condition keys of IAM name it."""
    return issuer.removeprefix("https://").rstrip("/")


def provider_arn(partition: str, account_id: str, issuer: str) -> str:
    """ARN of the identity provider of an issuer."""
    return f"arn:{partition}:iam::{account_id}:oidc-provider/{host_of(issuer)}"


def job_trust(*, partition: str, account_id: str, trusted: Sequence[Trusted]) -> str:
    """A role's trust policy: tokens of these issuers, for this audience, with one of these subjects.

    Subjects are compared whole. A pattern is compared with StringLike, in a statement of its own.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html
    """
    statements = [
        {
            "Sid": f"JobsOf{''.join(map(str.capitalize, re.findall(r'[A-Za-z0-9]+', host_of(each.issuer))))}{word}",
            "Effect": "Allow",
            "Principal": {"Federated": provider_arn(partition, account_id, each.issuer)},
            "Action": ["sts:AssumeRoleWithWebIdentity"],
            "Condition": _condition(each, operator, list(subjects)),
        }
        for each in trusted
        for word, operator, subjects in (
            ("", "StringEquals", each.subjects),
            ("Branches", "StringLike", each.patterns),
        )
        if subjects
    ]
    return document(*statements)


def _condition(trusted: Trusted, operator: str, subjects: list[str]) -> dict[str, dict[str, str | list[str]]]:
    host = host_of(trusted.issuer)
    condition: dict[str, dict[str, str | list[str]]] = {"StringEquals": {f"{host}:aud": trusted.audience}}
    condition.setdefault(operator, {})[f"{host}:sub"] = subjects
    return condition
