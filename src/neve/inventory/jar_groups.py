"""Group ids of Java archives that carry no POM: by the path in a repository, by the artifact's
name where a project publishes without one, by what the manifest gives away.

Advisories name Maven packages by group and artifact. The table holds projects of which many
archives are in use and whose own archives don't say; the names are those on Maven Central.
"""

from __future__ import annotations

import re

_REPOSITORIES = ("repository", "maven-repo", "maven2")
_SPRING = (
    r"aop|aspects|beans|context(?:-.*)?|core(?:-test)?|expression|instrument|jcl|jdbc|jms"
    r"|messaging|orm|oxm|r2dbc|test|tx|web|webflux|webmvc|websocket"
)
_TABLE = tuple(
    (re.compile(names), group)
    for names, group in (
        (rf"spring-(?:{_SPRING})", "org.springframework"),
        (r"spring-boot(?:-.*)?", "org.springframework.boot"),
        (r"spring-(security|data|cloud|batch|integration|session|ws|ldap|statemachine)-.*",
         r"org.springframework.\1"),
        (r"spring-(kafka|hateoas|retry|vault|graphql|shell)(?:-.*)?", r"org.springframework.\1"),
        (r"spring-(?:amqp|rabbit(?:-.*)?)", "org.springframework.amqp"),
        (r"tomcat-embed-.*", "org.apache.tomcat.embed"),
        (r"tomcat-.*|catalina(?:-.*)?|jasper(?:-el)?", "org.apache.tomcat"),
        (r"micrometer-.*", "io.micrometer"),
        (r"reactor-netty(?:-.*)?", "io.projectreactor.netty"),
        (r"reactor-.*", "io.projectreactor"),
        (r"kafka(?:_[0-9.]+|-.*)?|connect-(?:api|runtime|json|file|mirror.*|transforms)",
         "org.apache.kafka"),
        (r"lucene-.*", "org.apache.lucene"),
        (r"elasticsearch(?:-.*)?", "org.elasticsearch"),
        (r"opensearch(?:-.*)?", "org.opensearch"),
        (r"ant(?:-.*)?", "org.apache.ant"),
        (r"derby(?:.*)?", "org.apache.derby"),
        (r"(?:bcprov|bcpkix|bcutil|bctls|bcmail|bcpg)-.*", "org.bouncycastle"),
        (r"kotlin-(?:stdlib|reflect).*", "org.jetbrains.kotlin"),
        (r"okhttp(?:-.*)?", "com.squareup.okhttp3"),
        (r"okio(?:-.*)?", "com.squareup.okio"),
        (r"scala-(?:library|reflect|compiler)", "org.scala-lang"),
        (r"aspectj.*", "org.aspectj"),
        (r"postgresql", "org.postgresql"),
        (r"mysql-connector-j", "com.mysql"),
        (r"mysql-connector-java", "mysql"),
        (r"lz4-java", "org.lz4"),
        (r"zstd-jni", "com.github.luben"),
        (r"org\.eclipse\.(?!jetty).*", "org.eclipse.platform"),
    )
)  # fmt: skip
_TOP = (
    r"com|org|io|net|dev|edu|gov|info|app|ai|cloud|software|tech|javax|jakarta|me|co|us|uk|de|fr|ch"
    r"|eu|cn|jp|ru|it|nl|at|au|br|ca|cz|dk|es|fi|in|kr|no|pl|pt|ro|se|tv|xyz"
)
_GROUP = re.compile(rf"(?:{_TOP})(?:\.[A-Za-z_][\w-]*)+")
_FIELDS = (
    "Group-Id", "Bundle-SymbolicName", "Extension-Name", "Implementation-Vendor-Id",
    "Specification-Vendor-Id", "Implementation-Title", "Automatic-Module-Name",
)  # fmt: skip


def group_of(artifact: str, place: str, main: dict[str, str]) -> str:
    """The group id of ``artifact`` at ``place`` with the manifest's ``main`` attributes; "" where
    nothing gives one away.
    """
    return _of_repository(place, artifact) or _of_table(artifact) or _of_manifest(artifact, main)


def _of_repository(place: str, artifact: str) -> str:
    """``…/repository/GROUP/ARTIFACT/VERSION/FILE``."""
    parts = place.rpartition(":")[2].split("/")[:-2]
    root = next((i for i, part in enumerate(parts) if part in _REPOSITORIES), None)
    if root is None or len(parts) < root + 3 or parts[-1] != artifact:
        return ""
    return ".".join(parts[root + 1 : -1])


def _of_table(artifact: str) -> str:
    for names, group in _TABLE:
        match = names.fullmatch(artifact)
        if match is not None:
            return match.expand(group)
    return ""


def _of_manifest(artifact: str, main: dict[str, str]) -> str:
    """A dotted name that begins as a domain does, without the artifact's own name at its end."""
    for name in _FIELDS:
        value = main.get(name, "").partition(";")[0].strip()[:256]
        if _GROUP.fullmatch(value):
            shorter = value.removesuffix(f".{artifact}")
            return shorter if "." in shorter else value
    return ""
