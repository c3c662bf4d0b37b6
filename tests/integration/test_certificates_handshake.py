"""Real TLS handshakes from built images: the recipe's CA is trusted, an unknown one is not."""

from __future__ import annotations

import datetime
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.images import Image, Works
from tests.support.tls import Authority

from neve.contract.configured import subject_from
from neve.contract.rootfs import materialise
from neve.sandbox.bubblewrap import Bubblewrap
from neve.sandbox.port import Container, Pod, RunnableImage
from neve.sandbox.process import Completed
from neve.sandbox.scratch import remove_tree

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
]
HOST = "corp.test"
PORTS = {"corp": 7001, "unknown": 7002, "leaf": 7003, "other-leaf": 7004}
SERVER = """
import socket, ssl, threading
def serve(port, pem):
    path = f"/tmp/{port}.pem"
    open(path, "w").write(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    listener = socket.create_server(("127.0.0.1", port))
    def answer(client):
        try:
            with context.wrap_socket(client, server_side=True) as inside:
                inside.recv(4096)
                inside.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello")
        except OSError:
            pass
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],)).start()
for port, pem in %r.items():
    threading.Thread(target=serve, args=(port, pem)).start()
"""
JAVA_CLIENT = """
public class Client {
    public static void main(String[] arguments) throws Exception {
        try (var stream = new java.net.URI(arguments[0]).toURL().openStream()) {
            System.out.write(stream.readAllBytes());
        }
        System.out.flush();
    }
}
"""
NODE_CLIENT = (
    "require('https').get(process.argv[1], r => r.pipe(process.stdout))"
    ".on('error', e => { console.error(e.message); process.exit(1) })"
)


@dataclass(frozen=True)
class Program:
    """A client: the image it is in, and its command line for an address."""

    image: str
    argv: Callable[[str], list[str]]
    answers: bool = True
    stdin: bytes = b""


PROGRAMS = {
    "python": Program(
        "python",
        lambda url: [
            "/usr/bin/python3",
            "-c",
            f"import urllib.request as u; print(u.urlopen({url!r}).read().decode())",
        ],
    ),
    "node": Program("node", lambda url: ["/usr/bin/node", "-e", NODE_CLIENT, url]),
    "java": Program("java", lambda url: ["/usr/bin/java", "-cp", "/opt/client", "Client", url]),
    "ruby": Program(
        "ruby",
        lambda url: ["/usr/bin/ruby", "-rnet/http", "-e", f"puts Net::HTTP.get(URI({url!r}))"],
    ),
    "php": Program("tools", lambda url: ["/usr/bin/php", "-r", f"readfile({url!r}) or exit(1);"]),
    "curl": Program("tools", lambda url: ["/usr/bin/curl", "-sS", url]),
    "wget": Program("tools", lambda url: ["/usr/bin/wget", "-nv", "-O", "-", url]),
    "openssl": Program(
        "tools",
        lambda url: [
            "/usr/bin/openssl",
            "s_client",
            "-verify_return_error",
            "-verify_hostname",
            HOST,
            "-connect",
            url.removeprefix("https://"),
        ],
        answers=False,
    ),
}
CERTIFI = "/opt/venv/lib/python3.13/site-packages/certifi/cacert.pem"
# How a JRE of one's own keeps its roots: JDK 8 to 17 as JKS, newer ones as PKCS#12 without a
# password, and what keytool makes by default.
OWN_STORES = {
    "jks": "/opt/jks/lib/security/cacerts",
    "open": "/opt/open/lib/security/cacerts",
    "sealed": "/opt/sealed/lib/security/cacerts",
}
KEYTOOL = {
    "jks": ("-storetype", "JKS"),
    "open": (
        *("-storetype", "PKCS12", "-J-Dkeystore.pkcs12.macAlgorithm=NONE"),
        "-J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE",
    ),
    "sealed": ("-storetype", "PKCS12"),
}
RECIPES = {
    "python": f"extends: catalogue:debian-13/python\nfiles: {{{CERTIFI}: {{source: roots.pem}}}}\n",
    "node": "extends: catalogue:debian-13/node\n",
    "java": (
        "extends: catalogue:debian-13/java\nfiles:\n  /opt/client: {source: client}\n"
        + "".join(f"  {path}: {{source: {name}}}\n" for name, path in OWN_STORES.items())
    ),
    "ruby": "extends: catalogue:debian-13/ruby\n",
    "tools": (
        "extends: catalogue:debian-13/base\n"
        "packages: [ca-certificates, curl, openssl, php8.4-cli, wget]\n"
    ),
}
CERTIFICATES = "certificates:\n  - corp-ca.pem\n  - {file: leaf.der, trust: leaf}\n"


def own_leaf(host: str) -> tuple[bytes, str]:
    """A self-signed certificate that is no CA: its DER, and key and certificate as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem = private + made.public_bytes(serialization.Encoding.PEM)
    return made.public_bytes(serialization.Encoding.DER), pem.decode()


@dataclass
class Field:
    """Everything that a handshake needs: built images, and a pod in which the servers run."""

    works: Works
    files: dict[str, bytes]
    pod: Pod
    stack: ExitStack
    containers: dict[str, Container]

    def container(self, name: str) -> Container:
        """The image of ``name``, built and put into the pod at its first use."""
        if name not in self.containers:
            runnable = self.runnable(self.built(name))
            self.containers[name] = self.pod.add(runnable, name=name)
        return self.containers[name]

    def built(self, name: str) -> Image:
        files = dict(self.files)
        if name == "java":
            files["client/Client.class"] = compiled_client()
            files |= own_stores()
        return self.works.made(f"tls-{name}", RECIPES[name] + CERTIFICATES, files)

    def runnable(self, image: Image) -> RunnableImage:
        subject = subject_from("image", image.tree, image.bytes_of, image.source.configuration)
        private = Path(tempfile.mkdtemp(prefix="neve-root-"))
        self.stack.callback(remove_tree, private)
        root = private / "root"
        root.mkdir(mode=0o700)
        materialise(image.tree, subject.read, root)
        return replace(subject.image, root=root)

    def ask(self, program: str, server: str) -> Completed:
        """Let ``program`` speak to ``server``."""
        chosen = PROGRAMS[program]
        argv = chosen.argv(f"https://{HOST}:{PORTS[server]}")
        return self.container(chosen.image).run(argv, stdin=b"", timeout=60)


def compiled_client() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "Client.java"
        source.write_text(JAVA_CLIENT)
        subprocess.run(["javac", "--release", "11", source], check=True, capture_output=True)
        return source.with_suffix(".class").read_bytes()


def own_stores() -> dict[str, bytes]:
    """Key stores as the JDK's keytool makes them, each with an authority nobody has met."""
    made: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        other = Authority(folder).file
        for name, options in KEYTOOL.items():
            keytool(folder / name, "-importcert", "-noprompt", "-file", str(other), *options)
            made[name] = (folder / name).read_bytes()
    return made


def keytool(store: Path, *options: str) -> str:
    """Run the JDK's own tool on a store under its default password."""
    words = ["keytool", "-keystore", str(store), "-storepass", "changeit", *options]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def field(works: Works, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    made = tmp_path_factory.mktemp("authorities")
    pems: dict[int, str] = {}
    files: dict[str, bytes] = {}
    for name in ("corp", "unknown"):
        (made / name).mkdir()
        authority = Authority(made / name)
        authority.context(HOST)
        pems[PORTS[name]] = (made / name / f"{HOST}.pem").read_text()
        files[f"{name}-ca.pem"] = authority.file.read_bytes()
    files["roots.pem"] = files.pop("unknown-ca.pem")
    files["leaf.der"], pems[PORTS["leaf"]] = own_leaf(HOST)
    _, pems[PORTS["other-leaf"]] = own_leaf(HOST)
    with ExitStack() as stack:
        sandbox = Bubblewrap.probe()
        pod = stack.enter_context(sandbox.pod(names=[HOST], ports=list(PORTS.values())))
        ready = Field(works, files, pod, stack, {})
        server = pod.add(ready.runnable(works.image(works.catalogue("python"))), name="server")
        server.start(["/usr/bin/python3", "-c", SERVER % pems])
        for port in PORTS.values():
            until = time.monotonic() + 20
            while pod.exchange(port, b"") is None:
                assert time.monotonic() < until, server.logs()
                time.sleep(0.1)
        yield ready


def needs_javac(program: str) -> None:
    if program == "java" and shutil.which("javac") is None:
        pytest.skip("no javac on this machine")


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_recipes_authority_and_leaf_are_trusted_and_no_other(
    program: str, field: Field
) -> None:
    needs_javac(program)
    for server in ("corp", "leaf"):
        done = field.ask(program, server)
        assert done.exit_code == 0, (server, done)
        if PROGRAMS[program].answers:
            assert done.stdout.strip().endswith(b"hello"), (server, done)
    for server in ("unknown", "other-leaf"):
        refused = field.ask(program, server)
        assert refused.exit_code != 0, (server, refused)
        said = (refused.stdout + refused.stderr).lower()
        assert b"hello" not in said
        assert b"certifi" in said or b"verif" in said or b"pkix" in said, refused


@pytest.mark.parametrize("name", OWN_STORES)
def test_a_jre_of_its_own_trusts_them_in_its_own_store(
    name: str, field: Field, tmp_path: Path
) -> None:
    """Java's default trust store is read without a password; keytool reads it with one."""
    needs_javac("java")
    container = field.container("java")
    image = field.works.image(field.works.directory / "made-tls-java")
    store = OWN_STORES[name]
    for server, trusted in (("corp", True), ("leaf", True), ("unknown", False)):
        url = f"https://{HOST}:{PORTS[server]}"
        option = f"-Djavax.net.ssl.trustStore={store}"
        done = container.run(["/usr/bin/java", option, "-cp", "/opt/client", "Client", url])
        assert (done.exit_code == 0) == trusted, (server, done)
    held = tmp_path / "store"
    held.write_bytes(image.read(store))
    listed = keytool(held, "-list")
    assert listed.count("trustedCertEntry") == 3
    assert "recipe:corp-ca" in listed
    assert "recipe:leaf" in listed


def test_a_copy_of_certifi_trusts_them_besides_its_own(field: Field) -> None:
    for server, trusted in (
        ("corp", True),
        ("leaf", True),
        ("unknown", True),
        ("other-leaf", False),
    ):
        code = (
            "import ssl, urllib.request as u;"
            f"c = ssl.create_default_context(cafile={CERTIFI!r});"
            f"print(u.urlopen('https://{HOST}:{PORTS[server]}', context=c).read())"
        )
        done = field.container("python").run(["/usr/bin/python3", "-c", code])
        assert (done.exit_code == 0) == trusted, (server, done)
