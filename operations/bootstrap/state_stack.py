"""The stack in the state's bucket, and what its settings file says about the stack's secrets."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from local.paths import Paths
from operations.bootstrap.names import StateNames
from operations.bootstrap.step import MISSING, BootstrapError
from operations.environments import OperatedEnvironment, engine_variables
from operations.environments_file import FILE, read_mapping
from operations.state_store import unpacked
from operations.yaml_lines import NotEditableError, with_keys

PROVIDER, DATA_KEY = "secretsprovider", "encryptedkey"
"""Keys of a stack's settings file (https://www.pulumi.com/docs/iac/concepts/projects/stack-settings-file/)."""
NOT_SAID = "its settings file does not say what encrypts its secrets"


class StateStack:
    """An empty stack, whose secrets the KMS key encrypts."""

    def __init__(self, s3: Any, env: OperatedEnvironment, names: StateNames):
        self._s3 = s3
        self._env = replace(env, backend=names.backend, secrets_provider=names.secrets_provider)
        self._names = names
        self.what = f"stack {env.name} of {env.project.name}"

    def look(self) -> str | None:
        """Whether the stack is in the bucket and its settings file names the key."""
        if self._state_key() is None:
            return MISSING
        said = read_mapping(self._env.settings_file).get(PROVIDER)
        if said is None:
            return NOT_SAID
        return None if said == self._names.secrets_provider else f"its secrets are encrypted by {said}"

    def mend(self) -> None:
        """`pulumi stack init`; for a stack that is there, what its settings file lacks."""
        wrong = self.look()
        if wrong == MISSING:
            self._engine("init", self._env.name, "--secrets-provider", self._names.secrets_provider, "--no-select")
        elif wrong == NOT_SAID:
            self._say_again()
        elif wrong is not None:
            self._engine("change-secrets-provider", self._names.secrets_provider, "--stack", self._env.name)

    def _state_key(self) -> str | None:
        # As the engine's own backend lays it out; with an ending more where somebody compresses the state.
        state = f"{self._names.folder}.pulumi/stacks/{self._env.project.name}/{self._env.name}.json"
        try:
            answer = self._s3.list_objects_v2(Bucket=self._names.bucket, Prefix=state)
        except self._s3.exceptions.NoSuchBucket:
            return None
        kept = (state, f"{state}.gz", f"{state}.zst")
        return next((each["Key"] for each in answer.get("Contents", []) if each["Key"] in kept), None)

    def _say_again(self) -> None:
        """The settings file's lines from the state, for a checkout that never had them."""
        values = {PROVIDER: self._names.secrets_provider}
        key = self._state_key()
        if key is not None:
            content: bytes = self._s3.get_object(Bucket=self._names.bucket, Key=key)["Body"].read()
            state: dict[str, Any] = json.loads(unpacked(content))
            latest: dict[str, Any] = state.get("checkpoint", {}).get("latest") or {}
            providers: dict[str, Any] = latest.get("secrets_providers") or {}
            kept: dict[str, str] = providers.get("state") or {}
            if kept.get("url") == self._names.secrets_provider and kept.get(DATA_KEY):
                values[DATA_KEY] = kept[DATA_KEY]
        write_keys(self._env.settings_file, (), values)

    def _engine(self, *arguments: str) -> None:
        from operations.engine import find_engine

        engine = find_engine(Paths(self._env.checkout))
        variables = engine_variables(self._env)
        variables["PATH"] = os.pathsep.join([str(engine.parent), str(Path(sys.executable).parent), variables["PATH"]])
        answer = subprocess.run(
            [str(engine), "stack", *arguments, "--non-interactive", "--color=never"],
            cwd=self._env.folder,
            env=variables | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode:
            raise BootstrapError(
                f"`pulumi stack {' '.join(arguments)}` failed:\n{(answer.stderr or answer.stdout).strip()}",
                hint="What was made before it is kept: run the same command again.",
            )


class Lines:
    """What groundwork.yaml says about the state."""

    def __init__(self, env: OperatedEnvironment, names: StateNames):
        self._env = env
        self._values = {"backend": names.backend, "secretsProvider": names.secrets_provider}
        self.what = f"{FILE}, {env.project.section}.{env.name}"

    @property
    def text(self) -> str:
        """The lines, for whoever writes them by hand."""
        rows = "".join(f"    {key}: {value}\n" for key, value in self._values.items())
        return f"{self._env.project.section}:\n  {self._env.name}:\n{rows}"

    def look(self) -> str | None:
        """Which of the two it does not say."""
        said = {"backend": self._env.backend, "secretsProvider": self._env.secrets_provider}
        lacking = [key for key in self._values if said[key] != self._values[key]]
        if not lacking:
            return None
        return MISSING if len(lacking) == len(said) else f"no {lacking[0]}"

    def mend(self) -> None:
        """Writes them."""
        file = self._env.checkout / FILE
        try:
            write_keys(file, (self._env.project.section, self._env.name), self._values)
        except NotEditableError as error:
            raise BootstrapError(f"{FILE} cannot be edited: {error}", hint=f"Put this into it:\n{self.text}") from None


def write_keys(file: Path, path: tuple[str, ...], values: dict[str, str]) -> None:
    """Sets keys of a YAML file, whole or not at all. Raises NotEditableError."""
    text = file.read_text() if file.exists() else ""
    beside = file.with_name(f".{file.name}.new")
    beside.write_text(with_keys(text, path, values))
    beside.replace(file)
