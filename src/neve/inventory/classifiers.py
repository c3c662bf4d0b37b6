"""The versions that programs carry in their own bytes, as a table.

Every pattern is a text that the program prints or sends itself (``nginx version: nginx/1.27.0``),
so it is told by any build of it. In a pattern ``<3>`` is a version of three numbers, ``<2>`` of
two, ``<2-3>`` of either, ``<pre>`` what a pre-release adds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = rb"[0-9]{1,9}"  # bounded: a file of digits alone takes no longer than any other
_PARTS = (
    (b"<3>", rb"[0-9]+\.[0-9]+\.[0-9]+"),
    (b"<2>", rb"[0-9]+\.[0-9]+"),
    (b"<2-3>", rb"[0-9]+\.[0-9]+(?:\.[0-9]+)?"),
    (b"<pre>", rb"(?:-?(?:alpha|beta|rc|preview|dev)[.-]?[0-9]*)?"),
    (rb"[0-9]+", _NUMBER),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """A program ``name`` in files whose base name matches ``files``. The first of ``patterns``
    that is found gives the version as its group; ``needs`` stands in the bytes as well,
    ``without`` does not, and ``place`` matches the path.
    """

    name: str
    files: str
    patterns: tuple[bytes, ...]
    needs: bytes = b""
    without: bytes = b""
    place: str = ""
    namespace: str = ""
    type: str = "generic"

    def searches(self) -> tuple[re.Pattern[bytes], ...]:
        """``patterns``, ready to search with."""
        return tuple(re.compile(_written_out(pattern)) for pattern in self.patterns)


def _written_out(pattern: bytes) -> bytes:
    for short, long in _PARTS:
        pattern = pattern.replace(short, long)
    return pattern


_OPENJDK = (
    rb"\0(?:openjdk\0)?(?:java|jdb)\0[0-9][.0-9]*\0+([0-9]+[.0-9]+[^\0\s]*)\0",
    rb"\0[0-9][.0-9]*\0+([0-9]+[.0-9]+[^\0\s]*)\0+(?:openjdk|java)\0",
    rb"\0([0-9]+[.0-9]+\+[-0-9A-Za-z.]+)\0",
)
_PHP = (rb"X-Powered-By: PHP/(<3>(?:(?:beta|alpha|RC)[0-9]+)?)",)
_BEAT = (
    rb"Test (<3>)[a-z%]",
    rb"plugin(?:output)?(<3>)[-a-z]",
    rb"5m\.rate(<3>)-",
)
_ERLANG = (rb"/otp(?:_src)?[_-]([0-9]+\.[0-9]+(?:\.[0-9]+){0,2}(?:-rc[0-9])?)/erts/",)
_ISTIO = (
    rb"<3>\0+(<3><pre>)\0+",
    rb"Clean\0+(<3><pre>)\0+",
    rb"Modified\0+(<2>-dev)\0+",
)
_CLUSTER = (rb"/mysql-cluster-gpl-(<2-3><pre>)/",)

CLASSIFIERS = (
    Classifier(
        name="python",
        files=r"python[0-9.]*|libpython[0-9.]+[a-z]*\.so.*",
        patterns=(rb"\0([23]\.[0-9]+\.[0-9]+(?:[abc]|rc)?[0-9]*\+?)\0",),
        needs=b"Py",
    ),
    Classifier(name="pypy", files=r"libpypy.*\.so.*", patterns=(rb"\[PyPy (<3>)",)),
    Classifier(
        name="go",
        files=r"go(?:\.exe)?",
        patterns=(
            rb"\0go([0-9]+\.[0-9]+(?:\.[0-9]+|(?:beta|rc)[0-9]+)?)\0",
            rb"go([0-9]+\.[0-9]+(?:\.[0-9]+|(?:beta|rc)[0-9]+)?)\0",
        ),
    ),
    Classifier(
        name="julia",
        files=r"libjulia(?:-internal)?\.so.*",
        patterns=(rb"\0(<3><pre>)\0(?:branch|verify_methods|BigInt|julia version)",),
    ),
    Classifier(
        name="helm",
        files="helm",
        patterns=(rb"\0v(<3><pre>)\0{2,}", rb"[\0@]v(<3><pre>)\0"),
        namespace="helm.sh",
        type="golang",
    ),
    Classifier(
        name="redis",
        files="redis-server",
        patterns=(
            rb"[^0-9.](<3>)buildkitsandbox-[0-9]",
            rb"[^0-9.](<3>)[\w]{12}-[0-9]",
            rb"Redis version (<3>)",
        ),
    ),
    Classifier(
        name="valkey",
        files="valkey-server",
        patterns=(rb"[^0-9.](<3>)buildkitsandbox-[0-9]", rb"[^0-9.](<3>)[\w]{12}-[0-9]"),
    ),
    Classifier(
        name="node",
        files="node",
        patterns=(rb"node\.js/v(<3>)", rb"\0(?:node )?v([0456]\.[0-9]+\.[0-9]+)\0"),
    ),
    Classifier(name="busybox", files=r"busybox.*", patterns=(rb"BusyBox\s+v(<3>)",)),
    Classifier(name="util-linux", files="getopt", patterns=(rb"\0util-linux (<2-3>)\0",)),
    Classifier(
        name="haproxy",
        files="haproxy",
        patterns=(
            rb"version ([0-9]+\.[0-9]+(?:\.|-dev|-rc)[0-9]+)(?:-[a-z0-9]{7})?, released 20",
            rb"HA-?Proxy version ([0-9]+\.[0-9]+(?:\.|-dev)[0-9]+)",
            rb"([0-9]+\.[0-9]+(?:\.|-dev)[0-9]+)-[0-9a-zA-Z]{7}.{1,200}HAProxy version",
        ),
    ),
    Classifier(name="perl", files="perl", patterns=(rb"/lib/perl[0-9]/(?:[a-z_]+/)?(<3>)",)),
    Classifier(
        name="composer",
        files=r"composer.*",
        patterns=(
            rb"'pretty_version'\s*=>\s*'([0-9]+\.[0-9]+\.[0-9]+(?:(?:beta|alpha|RC)[0-9]+)?)'",
        ),
    ),
    Classifier(name="httpd", files="httpd", patterns=(rb"Apache/(<3>)",)),
    Classifier(name="memcached", files="memcached", patterns=(rb"memcached (<3>)",)),
    Classifier(
        name="traefik", files="traefik", patterns=(rb"[^\w.]v?([123]\.[0-9]+\.[0-9]+<pre>)\0",)
    ),
    Classifier(
        name="arangodb",
        files="arangosh",
        patterns=(rb"(<3>(?:-[0-9]+)?)\s(?:enterprise\s)?\[linux\]",),
    ),
    Classifier(
        name="postgresql",
        files="postgres",
        patterns=(rb"[\0?]PostgreSQL ([0-9]+(?:\.[0-9]+){0,2}(?:(?:alpha|beta|rc)[0-9])?)",),
    ),
    Classifier(
        name="mysql",
        files="mysql",
        without=b"MariaDB",
        patterns=(
            rb"\0([0-9]+\.[0-9]+\.[0-9]+)\0+mysql",
            rb"/mysql-(<2-3><pre>)",
        ),
    ),
    Classifier(name="percona-server", files="mysql", patterns=(rb"/percona-server-(<2-3>)",)),
    Classifier(
        name="percona-xtradb-cluster",
        files="mysql",
        patterns=(rb"/Percona-XtraDB-Cluster-(<2-3>)",),
    ),
    Classifier(
        name="mysql-server",
        files="mysqld",
        patterns=(rb"/mysql-(<2-3><pre>)/", rb"cluster-gpl\0(<2-3>)-ndb-"),
    ),
    Classifier(
        name="mysql-cluster",
        files="mysqld|ndbd|ndbmtd|ndb_mgmd",
        patterns=(*_CLUSTER, rb"cluster-gpl\0<2-3>-ndb-(<2-3>)"),
    ),
    Classifier(
        name="percona-xtrabackup",
        files="xtrabackup",
        patterns=(rb"/percona-xtrabackup-(<2-3>)",),
    ),
    Classifier(
        name="mariadb",
        files="mariadb|mysql",
        patterns=(rb"(<3>)-MariaDB", rb"[/\0]mariadb-(<3>)-"),
    ),
    Classifier(
        name="rust",
        files=r"libstd-[0-9a-f]{16}\.(?:so|dylib)",
        patterns=(rb"\(?rustc version (<2-3>) \(", rb"c (<3>) \(\w+ [0-9-]{10}\)"),
    ),
    Classifier(
        name="ruby",
        files=r"ruby[0-9.]*|libruby[0-9.-]*\.so.*",
        patterns=(rb"ruby (<3>(?:(?:p|preview|rc|dev)[0-9]*)?) ",),
    ),
    Classifier(
        name="erlang",
        files=r"erlexec|liberts_internal\.a|beam\.smp",
        patterns=(
            *_ERLANG,
            rb"\0([0-9]+\.[0-9]+(?:\.[0-9]+){0,2}(?:-rc[0-9])?)\0+Erlang/OTP",
            rb"Erlang/OTP [^\0]{1,150}\0+([0-9]+\.[0-9]+(?:\.[0-9]+){0,2}(?:-rc[0-9])?)\0",
        ),
    ),
    Classifier(name="swipl", files="swipl", patterns=(rb"swipl-(<3>)/",)),
    Classifier(
        name="dart",
        files="dart",
        patterns=(rb"\0(<3>(?:-[0-9]+(?:\.[0-9]+)?\.beta)?) \(",),
    ),
    Classifier(
        name="deno",
        files="deno",
        patterns=(
            rb"Deno/(<3>)",
            rb"deno-canary/[0-9a-z]{40}(<3>)",
            rb"deno-[0-9a-z]{40}(?:release/v)?(<3>)",
        ),
    ),
    Classifier(name="bun", files="bun", patterns=(rb"[Bb]un[ -]v?(<3>)",)),
    Classifier(
        name="ghc",
        files=r"ghc.*",
        patterns=(rb"\0GHC (<3>)\0", rb"\0libHSghc-(<3>)-"),
        namespace="haskell",
    ),
    Classifier(
        name="cabal",
        files="cabal",
        patterns=(rb"\0Cabal-(<3>(?:\.[0-9]+)?)-", rb"cabal-install-(<3>(?:\.[0-9]+)?)-"),
        namespace="haskell",
    ),
    Classifier(
        name="stack",
        files="stack",
        patterns=(rb"Version\s*(<3>),\s*Git",),
        namespace="haskell",
    ),
    Classifier(
        name="consul",
        files="consul",
        patterns=(rb"CONSUL_VERSION: (<3>)", rb'GitDescribe=(<3>)"'),
        namespace="github.com/hashicorp",
        type="golang",
    ),
    Classifier(
        name="vault",
        files="vault",
        patterns=(rb"revoke(<3>)", rb"state(<3>-rc[0-9])", rb"016x(1\.[0-9]+\.[0-9]{1,2})"),
        namespace="github.com/hashicorp",
        type="golang",
    ),
    Classifier(
        name="nginx",
        files=r"nginx(?:-debug)?",
        patterns=(rb"nginx version: [^/\0]{1,40}/(<3>(?:\+[0-9]+)?(?:-[0-9]+)?)",),
    ),
    Classifier(
        name="bash",
        files="bash",
        patterns=(rb"@\(#\)Bash version (<3>)\([0-9]+\) [a-z0-9]+ GNU",),
    ),
    Classifier(name="aws-lc", files="openssl", patterns=(rb"AWS-LC (<3>)\)\0",)),
    Classifier(
        name="openssl",
        files="openssl",
        patterns=(rb"\0OpenSSL (<3>(?:[a-z]+|-(?:alpha|beta|rc)[0-9]+)?)(?! \(compat)",),
    ),
    Classifier(name="openldap", files="ldapsearch", patterns=(rb"\$OpenLDAP: ldapsearch (<3>)",)),
    Classifier(
        name="qtbase",
        files=r"libQt[0-9]*Core\.so.*",
        patterns=(rb"\0Qt (<3>) \(", rb"QtCore library version (<3>)"),
    ),
    Classifier(name="gcc", files="gcc", patterns=(rb"GCC: \(GNU\) (<3>)",)),
    Classifier(
        name="fluent-bit",
        files="fluent-bit",
        patterns=(rb"\0(<3>)\0{1,3}(?:\x1b\[1m\0)?(?:%s)?Fluent",),
        namespace="fluent",
        type="github",
    ),
    Classifier(name="wp-cli", files="wp", patterns=(rb"wp-cli/wp-cli (<3>)",)),
    Classifier(name="curl", files="curl", patterns=(rb"curl/(<3>)",)),
    Classifier(name="lighttpd", files="lighttpd", patterns=(rb"\0lighttpd/(<3>)\0",)),
    Classifier(name="proftpd", files="proftpd", patterns=(rb"\0ProFTPD Version (<3>[a-z]?)\0",)),
    Classifier(name="zstd", files="zstd", patterns=(rb"\0v(<3>)\0",), needs=b"zstd"),
    Classifier(name="xz", files="xz", patterns=(rb"\0xz \(XZ Utils\) (<3>)\0",)),
    Classifier(
        name="gzip", files="gzip", patterns=(rb"\0([0-9]+\.[0-9]+)\0",), needs=b"not in gzip format"
    ),
    Classifier(name="sqlcipher", files="sqlcipher", patterns=(rb"[^0-9]\0(<3>)\0",)),
    Classifier(name="jq", files="jq", patterns=(rb"\0([0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]+)?)\0",)),
    Classifier(
        name="chrome", files="chrome", patterns=(rb"\0([0-9]+\.[0-9]+\.[0-9]+\.[0-9]+)\0Default",)
    ),
    Classifier(name="ffmpeg", files="ffmpeg", patterns=(rb"%s version (<2-3>)",)),
    Classifier(
        name="ffmpeg",
        files=r"lib(?:av|swresample).*",
        patterns=(rb"FFmpeg version (<2-3>)", rb"Lav[cf](<3>)"),
    ),
    Classifier(
        name="elixir",
        files=r"elixir|elixir\.app",
        patterns=(rb"ELIXIR_VERSION=(<3>(?:-[a-z0-9.]+)?)", rb'\{vsn,"(<3>(?:-[a-z0-9.]+)?)"\}'),
    ),
    Classifier(name="pilot-discovery", files="pilot-discovery", patterns=_ISTIO),
    Classifier(name="pilot-agent", files="pilot-agent", patterns=_ISTIO),
    Classifier(
        name="grafana",
        files=r"grafana(?:-server)?",
        patterns=(
            rb"\0(?:release-)?([0-9]{2}\.[0-9]+\.[0-9]+(?:-[0-9]{6,}|-preview|-test|-beta[0-9])?)(?:\+security-[0-9]+)?\0+",
            rb"HEAD\0+[^\0]{0,40}\0+([0-9]\.[0-9]+\.[0-9]+)\0",
            rb"[a-z0-9]\0+([0-9]\.[0-9]+\.[0-9]+(?:-beta[0-9]|-test)?)\0+/usr/local/go",
        ),
    ),
    Classifier(
        name="envoy",
        files="envoy",
        patterns=(
            rb"\0(1\.[0-9]{1,2}\.[0-9]+(?:-dev)?)\0(?:envoy|RELEASE|TLS |Unable to)",
            rb"(?s)\0(1\.[0-9]{1,2}\.[0-9]+(?:-dev)?)\0.{0,580}(?:envoy[._/]|ValidationError)",
        ),
    ),
    Classifier(
        name="mongodb",
        files="mongod",
        patterns=(rb"(<3>)\0+(?:tcmalloc|heap_size|cppdefines)",),
    ),
    Classifier(
        name="nginx-ingress-controller",
        files="nginx-ingress-controller",
        patterns=(rb"v(<3>(?:-(?:alpha|beta)\.[0-9]+)?)\0\0",),
    ),
    *(
        Classifier(name=name, files=name, patterns=_BEAT)
        for name in ("filebeat", "metricbeat", "heartbeat", "packetbeat", "auditbeat")
    ),
    Classifier(
        name="elastic-agent",
        files="elastic-agent",
        patterns=(rb"enroll(?:: true)?(<3>)-?header", rb"PM(<3>):https"),
    ),
    Classifier(
        name="krb5",
        files=r"libkrb5\.so.*",
        patterns=(rb"\0KRB5_BRAND: krb5-\S+ ([0-9]+(?:\.[0-9]+){1,2})[\s\0]",),
    ),
    Classifier(
        name="heimdal-krb5",
        files=r"libkrb5\.so.*",
        patterns=(rb"\$Version: Heimdal ([0-9]+(?:\.[0-9]+){1,2})[\s\0]",),
    ),
    Classifier(
        name="graalvm",
        namespace="oracle",
        files="java|jdb",
        patterns=(rb"\0([0-9]+[.0-9]+\+[0-9]+-jvmci-[0-9.]+-b[0-9]+)\0",),
    ),
    Classifier(
        name="zulu", namespace="azul", files="java|jdb", place=r".*zulu.*/", patterns=_OPENJDK
    ),
    Classifier(
        name="openjdk",
        namespace="oracle",
        files="java|jdb",
        place=r"(?!.*zulu).*/",
        patterns=_OPENJDK,
        needs=b"openjdk",
    ),
    Classifier(
        name="java",
        namespace="ibm",
        files="java",
        place=r".*/ibm/.*",
        patterns=(rb"\0java\0+[0-9][.0-9]+\0+([0-9]+[-._a-zA-Z0-9]+)\0",),
    ),
    Classifier(name="php-cli", files=r"php[0-9.]*", patterns=_PHP),
    Classifier(name="php-fpm", files=r"php-fpm[0-9.]*", patterns=_PHP),
    Classifier(name="libphp", files=r"libphp[0-9.]*\.so", patterns=_PHP),
)
