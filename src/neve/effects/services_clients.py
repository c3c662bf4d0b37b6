"""Which program of an image can ask an HTTP address, for readiness checks.

No network tool is added for it: what the image has already is used, the quickest first; wget
last, since it follows a redirection before it judges.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from neve.effects.harden_reach import find_program
from neve.errors import FieldError
from neve.tree import Tree

_ADDRESS = "@ADDRESS@"
_HOST, _PORT, _PATH = "@HOST@", "@PORT@", "@PATH@"
_SECONDS = "5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A program, and its arguments that end with 0 only for a status below 400."""

    program: str
    arguments: tuple[str, ...]


_PERL = """\
use IO::Socket::INET; alarm shift; my ($h, $p, $t) = @ARGV;
my $s = IO::Socket::INET->new(PeerAddr => $h, PeerPort => $p) or exit 1;
print $s "GET $t HTTP/1.0\\r\\nHost: $h:$p\\r\\n\\r\\n"; $s->flush;
exit(<$s> =~ m{^HTTP/1\\.[01] [123]} ? 0 : 1);
"""
_PYTHON = """\
import socket, sys
h, p, t, s = sys.argv[1:]
c = socket.create_connection((h, int(p)), float(s))
c.sendall(f"GET {t} HTTP/1.0\\r\\nHost: {h}:{p}\\r\\n\\r\\n".encode())
sys.exit(not b"100" <= c.makefile("rb").readline(99).split()[1] < b"400")
"""
_NODE = """\
const q = require("http").get(process.argv[1], r => process.exit(r.statusCode >= 400 ? 1 : 0));
q.on("error", () => process.exit(1));
setTimeout(() => process.exit(1), process.argv[2] * 1000);
"""
_RUBY = """\
c = Net::HTTP.new(ARGV[0], ARGV[1].to_i, nil); c.read_timeout = ARGV[3].to_i
exit(c.get(ARGV[2]).code.to_i < 400)
"""
_PHP = """\
$c = stream_context_create(["http" => ["timeout" => (float) $argv[2]]]);
exit(@file_get_contents($argv[1], false, $c) === false ? 1 : 0);
"""
_QUIET_WGET = ("--no-config", "--no-proxy", "-q", "-T", _SECONDS, "-t", "1", "-O", "/dev/null")
CLIENTS: tuple[Client, ...] = (
    Client(
        program="/usr/bin/curl",
        arguments=("-q", "-fsS", "--noproxy", "*", "-m", _SECONDS, "-o", "/dev/null", _ADDRESS),
    ),
    Client(program="/usr/bin/perl", arguments=("-e", _PERL, _SECONDS, _HOST, _PORT, _PATH)),
    Client(
        program="/usr/bin/python3",
        arguments=("-I", "-S", "-c", _PYTHON, _HOST, _PORT, _PATH, _SECONDS),
    ),
    Client(program="/usr/bin/node", arguments=("-e", _NODE, _ADDRESS, _SECONDS)),
    Client(
        program="/usr/bin/ruby",
        arguments=("--disable-gems", "-rnet/http", "-e", _RUBY, _HOST, _PORT, _PATH, _SECONDS),
    ),
    Client(program="/usr/bin/php", arguments=("-n", "-r", _PHP, "--", _ADDRESS, _SECONDS)),
    Client(program="/usr/bin/wget", arguments=(*_QUIET_WGET, _ADDRESS)),
)


def http_client(tree: Tree, address: str, at: str) -> tuple[str, ...]:
    """The command that asks ``address``; ``FieldError`` at ``at`` where nothing in ``tree`` can."""
    parts = urlsplit(address)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    values = {
        _ADDRESS: address,
        _HOST: parts.hostname or "127.0.0.1",
        _PORT: str(parts.port),
        _PATH: path,
    }
    for client in CLIENTS:
        if find_program(tree, client.program) is not None:
            return (client.program, *(values.get(word, word) for word in client.arguments))
    names = ", ".join(client.program.rpartition("/")[2] for client in CLIENTS)
    raise FieldError(
        f"nothing in the image can ask {address}",
        field=f"{at}.ready.http",
        resolution=f"Ask less: ready: {{port: {parts.port}}}. Or add one of {names} to packages.",
    )
