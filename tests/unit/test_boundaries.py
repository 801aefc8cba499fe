"""What the packages may not know, read from their syntax trees.

infra, components and ml never ask where they run: no environment's or stack's name and no endpoint is compared with
anything, and no address of this machine is written into them. ml imports no Pulumi; infra and components import no ml.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
BLIND = ("infra", "components", "account", "ml")
WHERE_WORDS = ("environment", "stack", "endpoint_url", "get_stack", "env", "stack_name", "environment_name")
ENVIRONMENT_NAMES = ("local", "dev", "prod", "laptop", "production")
OWN_ADDRESSES = re.compile(r"localhost|(?<![\d.])(127\.0\.0\.1|0\.0\.0\.0(?!/0))|(?<![\w:])::1\b")
# A server's own bind address, in its process or its pod, says nothing about the platform's whereabouts.
BINDS_AN_ADDRESS = ("ml/serving", "ml/gates/latency.py", "components/tracking_cluster.py")


def modules(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(), str(path))


def compared(tree: ast.AST) -> Iterator[tuple[int, list[ast.expr]]]:
    """Line and operands of everything that decides by equality: ==, !=, in, not in, match and prefix tests."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(
            isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for operator in node.ops
        ):
            yield node.lineno, [node.left, *node.comparators]
        elif isinstance(node, ast.Match):
            patterns = [case.pattern.value for case in node.cases if isinstance(case.pattern, ast.MatchValue)]
            yield node.lineno, [node.subject, *patterns]
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("startswith", "endswith", "fullmatch")
        ):
            yield node.lineno, [node.func.value, *node.args]


def last_word(node: ast.expr) -> str:
    """The name that an expression ends in: `settings.stack` and `get_stack()` have one, a literal has none."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return last_word(function)
        case _:
            return ""


def asks_where(operands: list[ast.expr]) -> bool:
    """Whether a comparison puts an environment's name, a stack's name or an endpoint beside a literal."""
    literals = [node.value for node in operands if isinstance(node, ast.Constant)]
    literals += [
        item.value
        for node in operands
        if isinstance(node, ast.Tuple | ast.List | ast.Set)
        for item in node.elts
        if isinstance(item, ast.Constant)
    ]
    named = any(last_word(node) in WHERE_WORDS for node in operands)
    return any(isinstance(value, str) for value in literals) and (
        named or any(value in ENVIRONMENT_NAMES for value in literals)
    )


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize(
    "code",
    [
        'if environment == "x": ...',
        'if pulumi.get_stack() != "local": ...',
        'if settings.environment in ("local", "dev"): ...',
        'if client.meta.endpoint_url.startswith("http://"): ...',
        'match stack:\n    case "prod": ...',
        'local = name == "local"',
    ],
)
def test_the_walk_finds_every_way_to_ask(code: str):
    assert any(asks_where(operands) for _, operands in compared(ast.parse(code)))


@pytest.mark.parametrize("code", ['if kind == "existing": ...', "if a.region == b.region: ...", 'x.startswith("arn:")'])
def test_the_walk_lets_other_questions_pass(code: str):
    assert not any(asks_where(operands) for _, operands in compared(ast.parse(code)))


def test_no_module_asks_where_it_runs():
    found = [
        f"{path}:{line}" for path, tree in modules(*BLIND) for line, operands in compared(tree) if asks_where(operands)
    ]
    assert found == []


def test_no_module_knows_this_machines_address():
    found = [
        f"{path}:{node.lineno} {node.value!r}"
        for path, tree in modules(*BLIND)
        if not path.startswith(BINDS_AN_ADDRESS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and OWN_ADDRESSES.search(node.value)
    ]
    assert found == []


def test_ml_imports_no_pulumi():
    found = [f"{path}: {name}" for path, tree in modules("ml") for name in imports(tree) if name.startswith("pulumi")]
    assert found == []


def test_nothing_of_ml_below_its_commands_imports_them():
    above = ("ml/command_line/", "ml/commands/", "ml/cli.py", "ml/options.py", "ml/__main__.py", "ml/templates/")
    found = [
        f"{path}: {name}"
        for path, tree in modules("ml")
        if not path.startswith(above)
        for name in imports(tree)
        if name.startswith(("ml.commands", "ml.command_line"))
    ]
    assert found == []


def test_infra_and_components_import_no_ml_and_no_local():
    found = [
        f"{path}: {name}"
        for path, tree in modules("infra", "components")
        for name in imports(tree)
        if name.split(".")[0] in ("ml", "local")
    ]
    assert found == []


def test_components_import_no_infra():
    found = [f"{path}: {name}" for path, tree in modules("components") for name in imports(tree) if "infra" in name]
    assert found == []


def test_the_contract_depends_on_nothing_of_ours():
    names = {name.split(".")[0] for _, tree in modules("platform_contract") for name in imports(tree)}
    assert names <= {"platform_contract", "pydantic", "json", "typing", "collections"}


def test_no_module_of_infra_hides_one_of_the_standard_library():
    # The engine puts infra/ itself on the path.
    names = {path.stem for path in (ROOT / "infra").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert names & sys.stdlib_module_names <= {"__main__"}


def test_the_spend_guard_needs_only_what_its_function_has():
    from components.spend_guard_code import files

    brought = {"spend_guard", "prices"}
    # AWS Lambda's Python runtime has boto3 (https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html).
    known = {*brought, "boto3", "botocore", *sys.stdlib_module_names}
    sources = {path: text for path, text in files().items() if path.endswith(".py")}
    found = {name.split(".")[0] for text in sources.values() for name in imports(ast.parse(text))}
    assert found <= known
    named = {name for text in sources.values() for name in imports(ast.parse(text)) if name.split(".")[0] in brought}
    places = {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in sources}
    assert named <= places
