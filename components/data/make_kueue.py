"""Makes `components/data/kueue/` from Kueue's own Go module: `python -m components.data.make_kueue [VERSION]`.

It needs `go`. Taken over: the schemas, the rules of the controller's roles, and the webhooks. Left out of the schemas
are their descriptions, which are four fifths of the text and which no server reads, and versions that are only served
for objects made before (Kueue itself reads the stored version). How the parts are put together says `config/default` of
the module: names get the prefix `kueue-`, the namespace is `kueue-system`, and the webhook converts five kinds.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import yaml

MODULE = "sigs.k8s.io/kueue"
DEFAULT_VERSION = "v0.18.3"
FOLDER = Path(__file__).parent / "kueue"
NAMESPACE, PREFIX = "kueue-system", "kueue-"
ROLES = {
    "manager": "role.yaml",
    "metricsAuth": "metrics_auth_role.yaml",
    "leaderElection": "leader_election_role.yaml",
    "secrets": "manager_secrets_role.yaml",
}
"""Our word for a role to its file in the module's `config/components/rbac`."""


def main(version: str) -> None:
    """Download the module, read what is needed and write it."""
    module = _downloaded(version)
    config = Path(module["Dir"]) / "config"
    components = config / "components"
    crds = FOLDER / "crds"
    for old in crds.glob("*.json"):
        old.unlink()
    crds.mkdir(parents=True, exist_ok=True)
    for file in sorted((components / "crd" / "bases").glob("*.yaml")):
        crd = without_descriptions(_documents(file)[0])
        crd["spec"]["versions"] = [version for version in crd["spec"]["versions"] if version["storage"]]
        patch = components / "crd" / "patches" / f"webhook_in_{crd['spec']['names']['plural']}.yaml"
        if f"patches/{patch.name}" in _used_patches(components):
            crd["spec"]["conversion"] = _placed(_documents(patch)[0]["spec"]["conversion"])
        # One line: a reader looks at the module, and the file is read at every preview.
        (crds / f"{crd['spec']['names']['plural']}.json").write_text(json.dumps(crd, separators=(",", ":")) + "\n")
    rules = {word: _documents(components / "rbac" / file)[0]["rules"] for word, file in ROLES.items()}
    _write("rules.json", rules)
    webhooks: dict[str, Any] = {}
    for document in _documents(components / "webhook" / "manifests.yaml"):
        kind = document["kind"].removesuffix("WebhookConfiguration").lower()
        webhooks[kind] = [_placed(webhook) for webhook in document["webhooks"]]
    _write("webhooks.json", webhooks)
    source = {"module": f"{MODULE} {version}", "sum": module["Sum"], "licence": "Apache-2.0", "version": version}
    _write("source.json", source)


def without_descriptions(schema: Any, *, properties: bool = False) -> Any:
    """A schema without its descriptions. A property that is itself named `description` stays."""
    if isinstance(schema, dict):
        members = cast(dict[str, Any], schema)
        return {
            name: without_descriptions(value, properties=name == "properties" and not properties)
            for name, value in members.items()
            if properties or name != "description" or not isinstance(value, str)
        }
    if isinstance(schema, list):
        return [without_descriptions(item) for item in cast(list[Any], schema)]
    return schema


def _downloaded(version: str) -> dict[str, str]:
    answer = subprocess.run(
        ["go", "mod", "download", "-json", f"{MODULE}@{version}"], capture_output=True, text=True, check=True
    )
    return json.loads(answer.stdout)


def _documents(file: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(file.read_text()) if document]


def _used_patches(components: Path) -> set[str]:
    """Patches that the module's kustomization does not comment out."""
    text = (components / "crd" / "kustomization.yaml").read_text()
    return set(re.findall(r"^- path: (\S+)$", text, re.MULTILINE))


def _placed(owner: dict[str, Any]) -> dict[str, Any]:
    """With the service's real name and namespace."""
    holder = owner.get("webhook", owner)
    service = holder["clientConfig"]["service"]
    service["name"], service["namespace"] = f"{PREFIX}{service['name']}", NAMESPACE
    return owner


def _write(name: str, content: Any) -> None:
    (FOLDER / name).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_VERSION)
