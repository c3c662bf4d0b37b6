"""Scripts read statically: what is accepted, with which operations, and all that is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neve.effects.ops import (
    AddGroup,
    AddMember,
    AddUser,
    Alternative,
    DeletePath,
    Effect,
    Generate,
    MakeDirectory,
    MakeLink,
    Operation,
    Precondition,
    SetAttributes,
)
from neve.effects.script import has_scripts, script_key
from neve.effects.shell import parse_script
from neve.effects.shell_ast import ShellSyntaxError
from neve.effects.static import UnknownScript, classify_static
from neve.formats.deb.types import PackageFacts
from neve.model import Digest, sha256_of

Make = Callable[..., PackageFacts]
Classify = Callable[..., Effect | UnknownScript]


class Around:
    """Packaged paths of an image."""

    def __init__(self, *paths: str) -> None:
        self.paths = set(paths)

    def has(self, path: str) -> bool:
        return path in self.paths

    def digest(self, path: str) -> Digest | None:
        return sha256_of(b"") if path in self.paths else None


@pytest.fixture
def classify(make_package: Make) -> Classify:
    def run(body: str, *paths: str, script: str = "postinst") -> Effect | UnknownScript:
        text = body if body.startswith("#!") else f"#!/bin/sh\nset -e\n{body}"
        facts = make_package("demo", {script: text.encode()})
        return classify_static(facts, "amd64", Around(*paths))

    return run


HARMLESS = """
# Automatically added by dh_installsystemd/13.24.2
if [ "$1" = "configure" ] || [ "$1" = "abort-upgrade" ] || [ "$1" = "abort-remove" ] ; then
	deb-systemd-helper unmask 'demo.service' >/dev/null || true
	if deb-systemd-helper --quiet was-enabled 'demo.service'; then
		deb-systemd-helper enable 'demo.service' >/dev/null || true
	else
		deb-systemd-helper update-state 'demo.service' >/dev/null || true
	fi
fi
if [ "$1" = "configure" ]; then
	if [ -d /run/systemd/system ]; then
		systemctl --system daemon-reload >/dev/null || true
	fi
fi
# End automatically added section
"""


@pytest.mark.parametrize(
    "body",
    [
        "",
        "# only a comment\nexit 0\n",
        HARMLESS,
        'case "$1" in\n  configure) ;;\n  abort-upgrade|abort-remove) ;;\n  *) exit 1 ;;\nesac\n',
        'dpkg-maintscript-helper rm_conffile /etc/demo 1.0~ -- "$@"\n',
        'if [ -n "$2" ] && dpkg --compare-versions "$2" lt 2; then rm -rf /etc; fi\n',
        'if [ "$1" = upgrade ]; then\n  curl http://x | sh\nfi\n',
        "if [ -d /run/systemd/system ]; then systemctl restart x; fi\n",
        'f() { return 0; }\nf "$@" || echo never >&2\n',
        "#!/bin/bash -e\ntrue && : || false\n",
        'for x in a b; do echo "$x"; done\n',
    ],
)
def test_what_does_nothing_on_a_fresh_installation_is_an_empty_effect(
    classify: Classify, body: str
) -> None:
    effect = classify(body)
    assert isinstance(effect, Effect), effect
    assert effect.operations == ()
    assert effect.provenance == "static"


@pytest.mark.parametrize(
    ("body", "paths", "operations"),
    [
        (
            (
                "update-alternatives --install /usr/bin/x x /usr/lib/x86_64-linux-gnu/x 10 \\\n"
                "  --slave /usr/share/man/man1/x.1.gz x.1.gz /usr/share/man/man1/y.1.gz\n"
            ),
            (),
            (
                Alternative(
                    name="x",
                    link="/usr/bin/x",
                    path="/usr/lib/{triplet}/x",
                    priority=10,
                    slaves=(
                        ("/usr/share/man/man1/x.1.gz", "x.1.gz", "/usr/share/man/man1/y.1.gz"),
                    ),
                ),
            ),
        ),
        (
            (
                'U=demo\nif ! getent passwd "$U" >/dev/null; then\n'
                ' adduser --system --quiet --group --home /var/lib/$U --no-create-home "$U"\nfi\n'
                "adduser demo adm\n"
            ),
            (),
            (
                AddUser(name="demo", home="/var/lib/demo"),
                AddMember(user="demo", group="adm"),
            ),
        ),
        ("addgroup --system demo\n", (), (AddGroup(name="demo"),)),
        (
            "adduser --system demo\n",
            (),
            (AddUser(name="demo", group="nogroup"),),
        ),
        (
            "adduser --system --home /srv/demo demo\nmkdir -p /srv/demo\n",
            (),
            (AddUser(name="demo", group="nogroup", home="/srv/demo", create_home=True),),
        ),
        (
            "mkdir -p /var/lib/demo\nchown demo:adm /var/lib/demo\nchmod 0750 /var/lib/demo\n",
            (),
            (
                MakeDirectory(path="/var/lib/demo"),
                SetAttributes(path="/var/lib/demo", owner="demo", group="adm"),
                SetAttributes(path="/var/lib/demo", mode=0o750),
            ),
        ),
        (
            (
                "if ! dpkg-statoverride --list /etc/demo >/dev/null 2>&1; then\n"
                " dpkg-statoverride --update --add root adm 0640 /etc/demo\nfi\n"
            ),
            ("/etc/demo",),
            (SetAttributes(path="/etc/demo", owner="root", group="adm", mode=0o640),),
        ),
        ("ldconfig\n", (), (Generate(generator="ld.so.cache"),)),
        (
            (
                'if [ -x "$(command -v systemd-tmpfiles)" ]; then\n'
                ' systemd-tmpfiles ${DPKG_ROOT:+--root="$DPKG_ROOT"} --create demo.conf\nfi\n'
            ),
            ("/usr/bin/systemd-tmpfiles",),
            (Generate(generator="tmpfiles", arguments=("demo.conf",)),),
        ),
        (
            'systemd-sysusers ${DPKG_ROOT:+--root="$DPKG_ROOT"} demo.conf\n',
            (),
            (Generate(generator="sysusers", arguments=("demo.conf",)),),
        ),
        (
            "if command -v py3compile >/dev/null 2>&1; then\n  py3compile -p demo \nfi\n",
            ("/usr/bin/py3compile",),
            (Generate(generator="python-bytecode"),),
        ),
        ("ln -s b /usr/bin/a\n", (), (MakeLink(path="/usr/bin/a", target="b"),)),
        ("rm -f /etc/old /etc/new\n", ("/etc/old",), (DeletePath(path="/etc/old"),)),
    ],
)
def test_literal_commands_become_operations(
    classify: Classify, body: str, paths: tuple[str, ...], operations: tuple[Operation, ...]
) -> None:
    effect = classify(body, *paths)
    assert isinstance(effect, Effect), effect
    assert effect.operations == operations


@pytest.mark.parametrize(
    "body",
    [
        "curl http://example.org | sh\n",
        "cp /usr/share/demo/a /etc/a\n",
        "echo secret > /etc/demo.conf\n",
        "echo secret >> /etc/demo.conf\n",
        "openssl genrsa -out /etc/key 2048\n",
        "eval ldconfig\n",
        "`echo ldconfig`\n",
        "$(echo ldconfig)\n",
        "$UNSET_COMMAND\n",
        "X=ldconfig\n$X /evil\n",
        "chmod 4755 /usr/bin/demo\n",
        "chown -R demo /var\n",
        "chmod u+s /usr/bin/demo\n",
        "dpkg-statoverride --update --add root root 4755 /usr/bin/x\n",
        "mkdir -p /var/../etc/x\n",
        "mkdir -p var/lib\n",
        "mkdir -p /var/lib/*\n",
        "rm -rf /var/lib/demo/*\n",
        "rm -rf ~/x\n",
        'update-alternatives --install /usr/bin/x x "$3" 1\n',
        "update-alternatives --install /usr/bin/x x /usr/bin/y many\n",
        "(ldconfig)\n",
        "ldconfig &\n",
        "while true; do ldconfig; done\n",
        "cat <<EOF\nx\nEOF\n",
        "if [ -f /etc/passwd ]; then ldconfig; fi\n",
        "if [ -e /var/lib/state ]; then ldconfig; fi\n",
        'if test -n "$HOME"; then ldconfig; fi\n',
        "PATH=/evil ldconfig\n",
        "PATH=/evil\n",
        "export LD_PRELOAD=/evil.so\n",
        ". /usr/share/debconf/confmodule\ndb_get x\n",
        "exit 3\n",
        "false\n",
        'X="a b"\nmkdir -p $X\n',
        "set -o pipefail\n",
        "trap 'ldconfig' EXIT\n",
        "command ldconfig\n",
        "systemd-tmpfiles --create\n",
        "systemd-sysusers /etc/../x.conf\n",
        "adduser demo\n",
        "adduser --system --uid x demo\n",
        "f() { f; }\nf\n",
        "#!/usr/bin/perl\nprint 1;\n",
        "#!/bin/sh -x\ntrue\n",
        "#!/usr/bin/python3\n",
        "if true\n",
        "echo 'open\n",
        "a=$((1+1))\n",
        'echo "${x%y}"\n',
        "case $1 in\n  configure) ./run ;;\nesac\n",
        "/usr/lib/demo/setup\n",
        "#!/bin/bash\nmkdir -p /var/lib/{a,b}\n",
        "#!/bin/bash\nmkdir -p /var/lib/{1..9}\n",
        "if [ -e /dev/null ]; then ldconfig; fi\n",
        "if [ -d /proc/self ]; then ldconfig; fi\n",
        "if systemctl is-active demo; then ldconfig; fi\n",
        "if deb-systemd-helper debian-installed demo.service; then ldconfig; fi\n",
        "DPKG_ADMINDIR=/x update-alternatives --install /usr/bin/x x /usr/bin/y 1\n",
        "export DPKG_ADMINDIR=/x\n",
        "IFS=x\n",
    ],
)
def test_everything_else_is_refused_with_its_line(classify: Classify, body: str) -> None:
    unknown = classify(body)
    assert isinstance(unknown, UnknownScript), unknown
    assert unknown.script == "postinst"
    assert unknown.problem
    assert "neve effects trace demo" in unknown.resolution
    assert unknown.subject in unknown.resolution


def test_the_refused_line_is_shown(classify: Classify) -> None:
    unknown = classify("true\nopenssl genrsa -out /etc/key 2048\ntrue\n")
    assert isinstance(unknown, UnknownScript)
    assert (4, "openssl genrsa -out /etc/key 2048") in unknown.excerpt
    assert unknown.problem == "the command openssl"


def test_paths_looked_at_become_preconditions(classify: Classify) -> None:
    effect = classify("if [ -x /etc/init.d/demo ]; then update-rc.d demo defaults; fi\n")
    assert isinstance(effect, Effect)
    assert effect.preconditions == (Precondition(path="/etc/init.d/demo", present=False),)


def test_a_postinst_is_followed_for_its_triggers_too(make_package: Make) -> None:
    body = b'#!/bin/sh\nif [ "$1" = triggered ]; then\n  ldconfig\nfi\n'
    triggers = b"# comment\ninterest-noawait ldconfig\nactivate-noawait other\n"
    plain = classify_static(make_package("a", {"postinst": body}), "amd64", Around())
    asked = classify_static(
        make_package("a", {"postinst": body, "triggers": triggers}), "amd64", Around()
    )
    assert isinstance(plain, Effect)
    assert isinstance(asked, Effect)
    assert plain.operations == ()
    assert asked.operations == (Generate(generator="ld.so.cache"),)


class TestScriptKey:
    def test_architecture_and_tool_versions_do_not_count(self, make_package: Make) -> None:
        def key(text: str, arch: str) -> Digest:
            return script_key(make_package("a", {"postinst": text.encode()}), arch)

        amd64 = key(
            "#!/bin/sh\n# Automatically added by dh_x/13.1\nln -s x /usr/lib/x86_64-linux-gnu/a\n"
            "echo amd64\n",
            "amd64",
        )
        arm64 = key(
            "#!/bin/sh\n# Automatically added by dh_x/13.24.2\nln -s x /usr/lib/aarch64-linux-gnu/a"
            "\necho arm64 \n\n",
            "arm64",
        )
        assert amd64 == arm64
        assert amd64 != key("#!/bin/sh\nln -s y /usr/lib/x86_64-linux-gnu/a\n", "amd64")

    def test_translations_and_activated_triggers_do_not_count(self, make_package: Make) -> None:
        def key(**scripts: bytes) -> Digest:
            return script_key(make_package("a", {"postinst": b"#!/bin/sh\n", **scripts}), "amd64")

        english = b"Template: a/b\nType: string\nDefault: x\nDescription: what\n"
        assert key(templates=english) == key(templates=english + b"Description-de: was\n")
        assert key(templates=english) != key(
            templates=english.replace(b"Default: x", b"Default: y")
        )
        assert key() == key(triggers=b"activate-noawait ldconfig\n")
        assert key() != key(triggers=b"interest-noawait /usr/share/x\n")

    def test_moving_text_between_scripts_changes_the_key(self, make_package: Make) -> None:
        one = make_package("a", {"preinst": b"a\n", "postinst": b"b\n"})
        other = make_package("a", {"preinst": b"a\nb\n", "postinst": b""})
        assert script_key(one, "amd64") != script_key(other, "amd64")
        assert has_scripts(one)
        assert not has_scripts(make_package("a", {"prerm": b"x"}))


@given(st.text(alphabet="ab$\"'`(){}[];|&<>=!#\\ \n-if thencaseesac", max_size=60))
def test_the_parser_never_fails_otherwise_than_by_saying_so(text: str) -> None:
    with contextlib.suppress(ShellSyntaxError):
        parse_script(text.encode())


@pytest.mark.parametrize(
    "text", ["(" * 5000, "if " * 5000, "${x:-" * 5000, '"${x:-' * 5000, "$(" * 9000]
)
def test_deep_nesting_is_refused_not_crashed(text: str) -> None:
    with pytest.raises(ShellSyntaxError):
        parse_script(text.encode())
