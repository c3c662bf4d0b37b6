"""A first recipe for ``neve init``: small, commented, and one that reads and builds as it is."""

from __future__ import annotations

from dataclasses import dataclass

from neve.errors import UsageError
from neve.recipe.problems import closest
from neve.recipe.spans import render


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """What a kind of application needs: packages and how it is started."""

    about: str
    packages: tuple[str, ...]
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    port: int | None = None


_KINDS = {
    "static": _Kind(
        about="a statically linked program",
        packages=("base-files", "ca-certificates", "tzdata"),
        entrypoint=("/usr/local/bin/app",),
    ),
    "base": _Kind(
        about="a program linked to the C library",
        packages=("base-files", "ca-certificates", "tzdata", "libc6", "libssl3"),
        entrypoint=("/usr/local/bin/app",),
    ),
    "cc": _Kind(
        about="a C or C++ program",
        packages=("base-files", "ca-certificates", "tzdata", "libc6", "libstdc++6"),
        entrypoint=("/usr/local/bin/app",),
    ),
    "python": _Kind(
        about="a Python application",
        packages=("base-files", "ca-certificates", "tzdata", "python3"),
        entrypoint=("/usr/bin/python3",),
        command=("-m", "app"),
        environment=(("PYTHONUNBUFFERED", "1"),),
    ),
    "node": _Kind(
        about="a Node.js application",
        packages=("base-files", "ca-certificates", "tzdata", "nodejs"),
        entrypoint=("/usr/bin/node",),
        command=("/app/server.js",),
        environment=(("NODE_ENV", "production"),),
    ),
    "java": _Kind(
        about="a Java application",
        packages=("base-files", "ca-certificates", "tzdata", "default-jre-headless"),
        entrypoint=("/usr/bin/java",),
        command=("-jar", "/app/app.jar"),
    ),
    "ruby": _Kind(
        about="a Ruby application",
        packages=("base-files", "ca-certificates", "tzdata", "ruby"),
        entrypoint=("/usr/bin/ruby",),
        command=("/app/app.rb",),
    ),
    "perl": _Kind(
        about="a Perl application",
        packages=("base-files", "ca-certificates", "tzdata", "perl"),
        entrypoint=("/usr/bin/perl",),
        command=("/app/app.pl",),
    ),
    "nginx": _Kind(
        about="a web site served by nginx",
        packages=("base-files", "ca-certificates", "tzdata", "nginx"),
        entrypoint=("/usr/sbin/nginx",),
        command=("-g", "daemon off;"),
        port=8080,
    ),
}
KINDS = tuple(_KINDS)
"""The kinds that ``initial_recipe`` knows."""


def initial_recipe(
    kind: str = "base",
    *,
    schema: str | None = None,
    distribution: str = "debian",
    release: str = "13",
) -> str:
    """The text of a first recipe. ``schema`` is the address or path of ``recipe.json`` for editors.

    Raises ``UsageError`` for a kind that is not known.
    """
    chosen = _KINDS.get(kind)
    if chosen is None:
        near = closest(kind, KINDS)
        hint = f"Did you mean {near}?" if near else f"Choose one of {', '.join(KINDS)}."
        raise UsageError(f"no kind of recipe is called {kind!r}", resolution=hint)
    lines = [f"# yaml-language-server: $schema={schema}"] if schema else []
    lines += [
        f"# The image of {chosen.about}. Check it with neve plan, build it with neve build.",
        "schema_version: 1",
        f"distribution: {render(distribution)}",
        f"release: {render(release)}",
        "",
        "# Asked for by name; what they depend on comes with them. Pin with name=VERSION.",
        "packages:",
        *(f"  - {render(package)}" for package in chosen.packages),
        "",
        *_run(chosen),
        "",
        "# Files beside this recipe, or written here, owned by root and not writable at run time.",
        "# files:",
        "#   /app: {source: ./app}",
        '#   /etc/app.conf: {content: "key = value\\n", mode: "0644"}',
        "",
        "# Hardening is on by default: no shell, no package manager, an unprivileged account.",
        "# Loosen a rule only by name and with a reason.",
        "# loosened:",
        '#   - {rule: no-shell, subject: /usr/bin/dash, reason: "why it is needed"}',
    ]
    return "\n".join(lines) + "\n"


def _run(kind: _Kind) -> list[str]:
    lines = [
        "run:",
        "  # Without user: the image runs as uid 65532.",
        "  # Commands are lists: there is no shell to split a string.",
        f"  entrypoint: {render(kind.entrypoint)}",
    ]
    if kind.command:
        lines.append(f"  command: {render(kind.command)}")
    if kind.environment:
        lines.append("  environment:")
        lines += [f"    {name}: {render(value)}" for name, value in kind.environment]
    if kind.port is not None:
        lines.append(f"  ports: [{kind.port}]")
    return lines
