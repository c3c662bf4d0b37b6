"""What services leave in a tree, and what is refused because the image lacks it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.effects.bench import EffectContext
from neve.effects.recipe import RunAs
from neve.effects.services import add_services, require_programs
from neve.effects.services_clients import CLIENTS
from neve.effects.services_container import grace_after
from neve.effects.services_execline import quote
from neve.errors import FieldError
from neve.model import Origin, Reason
from neve.recipe.types import Distribution, PackageRequest, Ready, Recipe, Restart, Run, Service
from neve.tree import Inline, Kind, Put, Remove, Tree

MakeTree = Callable[..., Tree]
DEBIAN = Distribution(name="debian", release="13")
NONROOT = RunAs(uid=65532, gid=65532, home="/home/nonroot")
ROOT = RunAs(uid=0, gid=0, home="/root")
PASSWD = b"root:x:0:0::/root:/bin/sh\nalice:x:1001:1002::/home/alice:/bin/sh\n"
GROUP = b"root:x:0:\nalice:x:1002:\nlogs:x:1003:alice\n"
ACCOUNTS = {"/etc/passwd": PASSWD, "/etc/group": GROUP}


def recipe(*services: Service, run: Run | None = None, packages: tuple[str, ...] = ()) -> Recipe:
    requests = tuple(PackageRequest(name=name) for name in packages)
    return Recipe(name="x", base=DEBIAN, services=services, run=run or Run(), packages=requests)


def service(name: str = "web", **more: object) -> Service:
    return Service(name=name, command=("/usr/sbin/web", "-x"), **more)  # type: ignore[arg-type]


def text(tree: Tree, path: str) -> str:
    content = tree[tree.resolve(path)].content
    assert isinstance(content, Inline)
    return content.data.decode()


def test_no_services_no_edits(make_tree: MakeTree, context: EffectContext) -> None:
    tree = make_tree(ACCOUNTS)
    before = list(tree)
    assert add_services(tree, recipe(), NONROOT, context) == ()
    assert list(tree) == before


def test_every_path_names_its_service(make_tree: MakeTree, context: EffectContext) -> None:
    tree = make_tree(ACCOUNTS)
    add_services(tree, recipe(service("a"), service("b")), NONROOT, context)
    for name in ("a", "b"):
        for path in (
            f"/usr/lib/services/each/{name}/run",
            f"/usr/lib/services/template/{name}/run",
        ):
            reason = tree[path].reason
            assert (reason.origin, reason.subject) == (Origin.RECIPE, f"services.{name}")
    assert tree["/usr/lib/services/init"].mode == 0o755
    run = tree["/run/services"]
    assert (run.kind, run.uid, run.gid, run.mode) == (Kind.DIRECTORY, 65532, 65532, 0o755)


def test_a_service_may_be_called_as_anything_of_the_supervisors(
    make_tree: MakeTree, context: EffectContext
) -> None:
    names = ("init", "say", "stop", "end", "healthy", "template", "each", "log", "finish")
    tree = make_tree(ACCOUNTS)
    add_services(tree, recipe(*(service(name) for name in names)), NONROOT, context)
    for path in ("init", "say", "stop", "end", "healthy"):
        assert tree[f"/usr/lib/services/{path}"].kind is Kind.FILE
    for name in names:
        assert tree[f"/usr/lib/services/template/{name}/run"].kind is Kind.SYMLINK
        assert "/usr/sbin/web" in text(tree, f"/usr/lib/services/template/{name}/run")


def test_an_arbitrary_uid_may_write_the_live_directory(
    make_tree: MakeTree, context: EffectContext
) -> None:
    tree = make_tree(ACCOUNTS)
    shared = RunAs(uid=65532, gid=0, home="/")
    add_services(tree, recipe(service(), run=Run(arbitrary_uid=True)), shared, context)
    assert (tree["/run/services"].gid, tree["/run/services"].mode) == (0, 0o770)


def test_scripts_run_without_a_shell(make_tree: MakeTree, context: EffectContext) -> None:
    tree = make_tree(ACCOUNTS)
    ready = Ready(command=("/usr/bin/true",))
    add_services(
        tree, recipe(service(ready=ready, depends_on=("b",)), service("b")), NONROOT, context
    )
    scripts = [e for e in tree.under("/usr/lib/services") if e.kind is Kind.FILE and e.mode & 0o111]
    assert len(scripts) == 5 + 2 * 4
    for entry in scripts:
        said = text(tree, entry.path)
        assert said.startswith("#!/usr/lib/execline/bin/execlineb -")
        assert "/bin/sh" not in said
        assert said.count("{") - said.count("${") == len(re.findall(r"^ *\}| \}", said, re.M))


def test_the_order_of_stopping_is_the_order_of_starting_turned_round(
    make_tree: MakeTree, context: EffectContext
) -> None:
    tree = make_tree(ACCOUNTS)
    services = (service("app", depends_on=("db",)), service("db"))
    add_services(tree, recipe(*services), NONROOT, context)
    assert "s6-svwait -U ../db" in text(tree, "/usr/lib/services/each/app/run")
    assert "s6-svwait -U" not in text(tree, "/usr/lib/services/each/db/run")
    stop = text(tree, "/usr/lib/services/stop")
    assert re.search(r"s6-svwait -D .*template/app\n *\}\n.*s6-svc -wD .*template/db", stop)
    assert grace_after(services[1], services) == services[0].stop_grace_period + 2.0


@pytest.mark.parametrize(
    ("restart", "pauses"),
    [
        (Restart(), ["8 s", "4 s", "2 s", "1 s"]),
        (Restart(max_attempts=0), ["30 s", "16 s", "8 s", "4 s", "2 s", "1 s"]),
        (Restart(max_attempts=2, delay=0.5), ["0.5 s"]),
        (Restart(max_attempts=1), ["1 s"]),
        (Restart(delay=60), ["60 s"]),
        (Restart(policy="never"), []),
    ],
)
def test_pauses_double_up_to_their_limit(
    make_tree: MakeTree, context: EffectContext, restart: Restart, pauses: list[str]
) -> None:
    tree = make_tree(ACCOUNTS)
    add_services(tree, recipe(service(restart=restart)), NONROOT, context)
    failed = text(tree, "/usr/lib/services/each/web/failed")
    assert re.findall(r"starts again in ([0-9.]+ s)", failed) == pauses


def test_users_apart_need_a_container_that_starts_as_root(
    make_tree: MakeTree, context: EffectContext
) -> None:
    tree = make_tree(ACCOUNTS)
    with pytest.raises(FieldError, match=r"services\.web\.user: .*only root can become alice"):
        add_services(tree, recipe(service(user="alice")), NONROOT, context)
    add_services(tree, recipe(service(user="alice")), ROOT, context)
    run = text(tree, "/usr/lib/services/each/web/run")
    assert run.count("s6-applyuidgid -z -u 1001 -g 1002 -G 1002,1003") == 3
    assert "export HOME /home/alice" in run


def test_root_is_never_taken_for_granted(make_tree: MakeTree, context: EffectContext) -> None:
    with pytest.raises(FieldError, match="nothing says who web runs as"):
        add_services(make_tree(ACCOUNTS), recipe(service()), ROOT, context)
    add_services(make_tree(ACCOUNTS), recipe(service(user="root")), ROOT, context)
    same = RunAs(uid=1001, gid=1002, home="/")
    tree = make_tree(ACCOUNTS)
    add_services(tree, recipe(service(user="alice")), same, context)
    assert "s6-applyuidgid" not in text(tree, "/usr/lib/services/each/web/run")


def test_an_unknown_user_is_refused(make_tree: MakeTree, context: EffectContext) -> None:
    with pytest.raises(FieldError) as caught:
        add_services(make_tree(ACCOUNTS), recipe(service(user="alise")), ROOT, context)
    assert caught.value.field == "services.web.user"
    assert "Did you mean alice?" in caught.value.resolution


def test_a_missing_working_directory_is_refused(
    make_tree: MakeTree, context: EffectContext
) -> None:
    with pytest.raises(FieldError, match=r"services\.web\.workdir: there is no directory /srv"):
        add_services(make_tree(ACCOUNTS), recipe(service(workdir="/srv")), NONROOT, context)


def test_a_port_is_looked_up_and_no_connection_made(
    make_tree: MakeTree, context: EffectContext
) -> None:
    tree = make_tree(ACCOUNTS)
    add_services(tree, recipe(service(ready=Ready(port=8080))), NONROOT, context)
    check = text(tree, "/usr/lib/services/each/web/check")
    assert ":1F90 [0-9A-F]+:0000 0A " in check
    assert "/proc/net/tcp6" in check


@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.program.rpartition("/")[2])
def test_http_is_asked_with_what_the_image_has(
    make_tree: MakeTree, context: EffectContext, client: object
) -> None:
    program = getattr(client, "program", "")
    tree = make_tree({**ACCOUNTS, program: b"\x7fELF"})
    ready = Ready(http="http://127.0.0.1:8000/up?a=b")
    add_services(tree, recipe(service(ready=ready)), NONROOT, context)
    check = text(tree, "/usr/lib/services/each/web/check")
    assert program in check
    assert "/up?a=b" in check
    assert "@" not in check.replace("@file_get", "").replace("@ARGV", "")


def test_http_without_a_client_is_refused(make_tree: MakeTree, context: EffectContext) -> None:
    ready = Ready(http="http://127.0.0.1:8000/")
    with pytest.raises(FieldError) as caught:
        add_services(make_tree(ACCOUNTS), recipe(service(ready=ready)), NONROOT, context)
    assert caught.value.field == "services.web.ready.http"
    assert "port: 8000" in caught.value.resolution
    assert "curl" in caught.value.resolution


def test_only_the_supervisors_programs_that_are_used_stay(
    make_tree: MakeTree, context: EffectContext
) -> None:
    files = {"/usr/bin/s6-svscan": b"1", "/usr/bin/s6-sudo": b"2", "/usr/bin/other": b"3"}
    for asked, kept in (((), False), (("s6",), True)):
        tree = make_tree({**ACCOUNTS, **files})
        for path in ("/usr/bin/s6-svscan", "/usr/bin/s6-sudo"):
            tree.apply(Put(replace(tree[path], owners=("s6",))))
        add_services(tree, recipe(service(), packages=asked), NONROOT, context)
        assert "/usr/bin/s6-svscan" in tree
        assert "/usr/bin/other" in tree
        assert ("/usr/bin/s6-sudo" in tree) is kept


def executables(tree: Tree) -> Tree:
    """``tree`` with every file executable."""
    for entry in [entry for entry in tree if entry.kind is Kind.FILE]:
        tree.apply(Put(replace(entry, mode=0o755)))
    return tree


def test_a_program_that_is_not_there_is_refused_with_the_nearest(make_tree: MakeTree) -> None:
    tree = executables(make_tree({"/usr/sbin/nginx": b"\x7fELF", "/usr/bin/ngram": b"\x7fELF"}))
    wanted = Service(name="web", command=("/usr/bin/nginx",))
    with pytest.raises(FieldError) as caught:
        require_programs(tree, recipe(wanted))
    assert caught.value.field == "services.web.command[0]"
    assert "/usr/bin/nginx is not in the image" in caught.value.brief
    assert "Did you mean /usr/sbin/nginx?" in caught.value.resolution


def test_a_program_taken_away_says_by_what(make_tree: MakeTree) -> None:
    tree = executables(make_tree({"/usr/bin/dash": b"\x7fELF"}))
    tree.apply(Remove("/usr/bin/dash", Reason(Origin.RULE, "no-shell", "nothing needs it")))
    with pytest.raises(FieldError) as caught:
        require_programs(tree, recipe(Service(name="web", command=("/usr/bin/dash",))))
    assert "no-shell" in caught.value.brief
    assert "Loosen no-shell" in caught.value.resolution


def test_a_program_that_cannot_be_executed_is_refused(make_tree: MakeTree) -> None:
    tree = make_tree({"/srv/run.py": b"x"})
    with pytest.raises(FieldError, match="not executable"):
        require_programs(tree, recipe(Service(name="web", command=("/srv/run.py",))))


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def lexed(word: str) -> str:
    """What execlineb makes of one word, by its manual: quoted strings and plain ones."""
    if not word.startswith('"'):
        assert not re.search(r'[\s"\\{}#$]', word)
        return word
    assert word.endswith('"')
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), word[1:-1], flags=re.DOTALL)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_argument_is_one_word(argument: str) -> None:
    word = quote(argument)
    assert lexed(word) == argument
    assert not re.search(r'(?<!\\)(?:\\\\)*"', word[1:-1]) or not word.startswith('"')


def test_no_argument_holds_a_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")
