"""The architecture, read from syntax trees: imports point one way, each library has its place, no code knows a port."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from borderport.compiling import DECISIVE

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "sim" / "borderport"

# The data flow and the import order: a module imports only from those before it. A stage may be a folder;
# within `engines` the order is that of ENGINES, within the other folders anything but the package itself.
ORDER = (
    "errors compiling bounds units deviates distributions detection trace scenario calendars policies loading streams "
    "manifest network timeline histories engines metrics statistics wording workers experiment comparing store "
    "sweeping frontiers calibrating figures documents results api cli"
).split()
ENGINES = ("ordering", "reference", "compiled")
HOME: dict[str, str] = {
    "simpy": "engines/reference.py",
    "numba": "compiling.py",
    "matplotlib": "figures/",
    "click": "cli/",
    "rich": "cli/",
    "sqlite3": "store.py",
    "yaml": "loading/",
}
# Names of the ports, places and peoples of the built-in scenarios.
PLACES = re.compile(
    r"\bdover\b|gyirong|kyirong|zhangmu|purang|\blizi\b|nepal|xizang|tibet|lhasa|shigatse|larcha|timure|rasuwa|tatopani|kodari"
    r"|吉隆|樟木|普兰|里孜|西藏|尼泊尔|拉萨",
    re.IGNORECASE,
)


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


IDS = [name_of(path) for path in modules()]


def imports(path: Path) -> Iterator[tuple[int, str, bool]]:
    """(line, dotted name, at module level) of each import; those for the type checker only are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checking = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for node in ast.walk(block)
    }
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if id(node) in checking:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, id(node) not in inner
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            # `from borderport import calendars` names a module, `from borderport.units import X` what is in one.
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "borderport" else [module]
            for name in names:
                yield node.lineno, name, id(node) not in inner


def stage(dotted: str) -> str | None:
    """The stage that ``borderport.stage...`` belongs to; None for what is not ours."""
    parts = dotted.split(".")
    return parts[1] if parts[0] == "borderport" and len(parts) > 1 else None


def test_every_module_has_its_place_in_the_order() -> None:
    found = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()} - {"__init__", "__main__"}
    assert found <= set(ORDER), f"say where these stand: {sorted(found - set(ORDER))}"
    assert set(ORDER) <= found, f"there is no such module: {sorted(set(ORDER) - found)}"
    for name in (*HOME.values(), *DESIGNS):
        assert (PACKAGE / name).exists(), name


def test_the_readme_shows_the_same_order() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"(?<![\w/.])([a-z_]+)(?:\.py|/)(?=\s{2,})", text)
    mentioned = [name for name in dict.fromkeys(listed) if name in ORDER]
    assert mentioned == [name for name in ORDER if name in mentioned]


@pytest.mark.parametrize("path", modules(), ids=IDS)
def test_imports_come_from_above_only(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__main__":
        return
    for line, dotted, _ in imports(path):
        other = stage(dotted)
        if other is None or other == own:
            continue
        where = f"{name_of(path)}:{line} imports {dotted}"
        assert other in ORDER, where
        if own == "__init__":  # what a program gets by `import borderport`, and nothing that commands need
            assert other in ("api", "errors"), f"{where}: the package root gives the library only"
            continue
        # The engine is chosen in one call, inside a function of `experiment`; all the rest is at the top or not at all.
        assert ORDER.index(other) < ORDER.index(own), where


def test_engines_import_in_their_order() -> None:
    for position, name in enumerate(ENGINES):
        path = PACKAGE / "engines" / f"{name}.py"
        found = {d.split(".")[2] for _, d, _ in imports(path) if d.startswith("borderport.engines.")}
        assert found <= set(ENGINES[: min(position, 1)]), f"{name} imports {found}"


def test_the_two_engines_know_nothing_of_scenarios_and_chance() -> None:
    for name in ENGINES:
        found = {stage(dotted) for _, dotted, _ in imports(PACKAGE / "engines" / f"{name}.py")}
        assert not found & {"scenario", "streams", "manifest", "policies", "metrics", "statistics"}
        text = (PACKAGE / "engines" / f"{name}.py").read_text(encoding="utf-8")
        assert "random" not in text.replace("randomness", "")


@pytest.mark.parametrize("path", modules(), ids=IDS)
def test_imports_are_absolute_and_never_from_the_root(path: Path) -> None:
    for line, dotted, _ in imports(path):
        assert not dotted.startswith("."), f"{name_of(path)}:{line}"
        assert dotted != "borderport", f"{name_of(path)}:{line}"


@pytest.mark.parametrize("path", modules(), ids=IDS)
def test_each_library_has_its_place(path: Path) -> None:
    for line, dotted, _ in imports(path):
        home = HOME.get(dotted.split(".")[0])
        assert home is None or name_of(path).startswith(home), f"{name_of(path)}:{line} imports {dotted}"


def compiled_functions(path: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    decorated = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.decorator_list]
    marks = ("compiled", "inlined")
    return [f for f in decorated if any(isinstance(d, ast.Name) and d.id in marks for d in f.decorator_list)]


@pytest.mark.parametrize("path", modules(), ids=IDS)
def test_what_is_compiled_is_kept_by_a_digest_of_its_own_source(path: Path) -> None:
    place = path.relative_to(PACKAGE).parts[0]
    assert place in DECISIVE or not compiled_functions(path), f"{name_of(path)}: say in compiling.py that it counts"


def test_there_are_compiled_functions_to_look_at() -> None:
    assert sum(len(compiled_functions(path)) for path in modules()) > 20


def test_what_is_printed_goes_through_one_place() -> None:
    """Elsewhere a scenario's text could steer the terminal, or a character that this lacks end the command."""
    printing = re.compile(r"\bclick\.(?:secho|echo|style)\(|(?<![\w.])print\(|\bsys\.std(?:out|err)\.write\(")
    found = {name_of(path) for path in modules() if printing.search(code_of(path))}
    assert found == {"cli/terminal.py"}


@pytest.mark.parametrize("path", modules(), ids=IDS)
def test_random_numbers_begin_in_streams_only(path: Path) -> None:
    """Nothing to the right of the manifest draws; seeds of any other kind are nowhere."""
    text = path.read_text(encoding="utf-8")
    for line, dotted, _ in imports(path):
        assert dotted.split(".")[0] not in ("random", "secrets"), f"{name_of(path)}:{line}"
    if name_of(path) != "streams.py":
        found = re.findall(r"default_rng|np\.random\.(?!Generator\b)\w+", text)
        assert not found or name_of(path) in DESIGNS, f"{name_of(path)}: {found}"


# Designs of experiments and fits of parameters have random numbers of their own, apart from the simulation's.
DESIGNS = {"sweeping.py", "calibrating.py", "frontiers.py"}


def code_of(path: Path) -> str:
    """The code without comments and docstrings, where a port may serve as an example."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [
                child
                for child in node.body
                if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant))
            ] or [ast.Pass()]
    return ast.unparse(tree)


# A text that begins so describes a thing by a question; in plain order it is a noun phrase or a statement.
ROUNDABOUT = re.compile(
    r"(?:(?:about|as|at|by|for|from|in|of|on|to|with) )?(?:what|who|whom|whose|where|how|when|whether|which|why)\b",
    re.IGNORECASE,
)


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of each docstring's first paragraph and of each description in its sections."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        body = getattr(node, "body", None)
        for child in body if isinstance(body, list) else []:
            if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
                continue
            if isinstance(child.value.value, str):
                lines = child.value.value.splitlines()
                yield child.lineno, lines[0]
                for number, (before, line) in enumerate(pairwise(lines[1:]), start=2):
                    # An entry's name, then its description, further in.
                    if before.strip() and len(line) - len(line.lstrip()) > len(before) - len(before.lstrip()):
                        yield child.lineno + number, line.strip()


@pytest.mark.parametrize("path", modules(), ids=IDS)
def test_docstrings_say_what_a_thing_is_in_plain_order(path: Path) -> None:
    """They read "True for dates within the season", not "Which dates lie in the season"."""
    found = [f"{name_of(path)}:{line}: {text}" for line, text in texts(path) if ROUNDABOUT.match(text)]
    assert not found


@pytest.mark.parametrize("path", modules(), ids=IDS)
def test_no_port_is_known_to_the_code(path: Path) -> None:
    found = [line.strip() for line in code_of(path).splitlines() if PLACES.search(line)]
    assert not found, f"{name_of(path)}: {found}"


def test_help_needs_no_numpy() -> None:
    """Of the command line, what is imported before a command is chosen imports no numerical library."""
    light = {"__main__.py", "cli/__init__.py"}
    heavy = {"numpy", "scipy", "pandas", "numba", "matplotlib", "pydantic"}
    for path in modules():
        if name_of(path) in light:
            top = {dotted.split(".")[0] for _, dotted, outside in imports(path) if outside}
            assert not top & heavy, name_of(path)


def test_stored_results_and_compiled_loops_grow_stale_with_every_module_that_decides_results() -> None:
    """Whatever the modules of the model import, down to the constants of units, is part of their key."""
    listed = {name.removesuffix(".py") for name in DECISIVE}
    assert all((PACKAGE / name).exists() for name in DECISIVE)
    needed = {
        stage(dotted)
        for path in modules()
        if path.relative_to(PACKAGE).parts[0].removesuffix(".py") in listed
        for _, dotted, _ in imports(path)
    }
    assert needed - {None, "errors"} <= listed
