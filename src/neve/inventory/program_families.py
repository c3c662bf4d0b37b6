"""The table of programs that matter to an intruder: one family a row, with what gives it away.

Markers were read off the programs of Debian 12 and tried on images of Debian 13; a row needs no
name of a path.
Order decides where two rows fit: BusyBox holds the words of a shell and of an awk.
"""

from __future__ import annotations

from dataclasses import dataclass

from neve.inventory.types import Role

_SHELL, _INTERPRETER, _MANAGER = (Role.SHELL,), (Role.INTERPRETER,), (Role.PACKAGE_MANAGER,)
_NETWORK, _DEVELOPMENT = (Role.NETWORK_TOOL,), (Role.DEVELOPMENT,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """An executable belongs to it when it needs a library of which one of ``sonames`` is a prefix
    (and, if there are ``symbols``, has one of them), or has one of ``symbols``, or holds all
    words of one row of ``markers`` and none of ``absent``.

    ``scripts`` are words of which one row stands in a script's first kilobytes. ``names`` (a
    regular expression) decides where content says nothing; ``go`` for programs of Go's linker,
    which keeps its text apart. Of one with ``applets`` a link is only the program it is called.
    """

    name: str
    roles: tuple[Role, ...]
    names: str = r"(?!)"
    sonames: tuple[str, ...] = ()
    symbols: tuple[bytes, ...] = ()
    markers: tuple[tuple[bytes, ...], ...] = ()
    absent: tuple[bytes, ...] = ()
    scripts: tuple[tuple[bytes, ...], ...] = ()
    go: bool = False
    applets: bool = False


def _wide(text: str) -> bytes:
    return text.encode("utf-32-le")  # wchar_t, as tcsh and fish keep their text


SCRIPT = Family(name="script", roles=())
"""A script: run by an interpreter, so none itself, whatever it is called."""

SHELLS = (
    Family(
        name="busybox-net",
        roles=(Role.SHELL, Role.NETWORK_TOOL),
        markers=((b"BusyBox v", b"\0wget\0"), (b"BusyBox v", b"\0nc\0")),
        applets=True,
    ),
    Family(
        name="busybox",
        roles=_SHELL,
        names=r"busybox|static-sh",
        markers=((b"BusyBox v",),),
        applets=True,
    ),
    Family(
        name="toybox",
        roles=(Role.SHELL, Role.NETWORK_TOOL),
        names=r"toybox",
        applets=True,
        markers=((b"toybox", b"TOYBOX"), (b"toybox", b"landley.net")),
    ),
    Family(
        name="posix-shell",
        roles=_SHELL,
        names=r"(?:sh|ash|bash|rbash|dash|posh|yash|sash|osh|r?zsh5?|r?ksh(?:93)?|[mlo]ksh|loksh|pdksh)"
        r"(?:-static)?",
        markers=(
            (b"OPTIND", b"PS4", b"IFS"),  # the variables of POSIX XCU 2.5.3
            (_wide("OPTIND"), _wide("PS4"), _wide("IFS")),
        ),
    ),
    Family(
        name="other-shell",
        roles=_SHELL,
        names=r"(?:bsd-)?csh|tcsh|fish|elvish|xonsh|pwsh|nu|rc|es",
        markers=((_wide("histchars"),), (_wide("fish_key_bindings"),), (b"fish_key_bindings",)),
    ),
    Family(
        name="csh",
        roles=_SHELL,
        markers=((b"histchars", b"savehist"),),
    ),
    Family(
        name="go-shell",
        roles=_SHELL,
        markers=((b"src.elv.sh/",), (b"mvdan.cc/sh/v3/cmd/gosh",)),
        go=True,
    ),
)

INTERPRETERS = (
    Family(
        name="python",
        roles=_INTERPRETER,
        names=r"(?:python|pypy)[0-9.]*(?:-dbg)?",
        symbols=(b"Py_BytesMain", b"Py_Main", b"pypy_main_startup"),
        markers=((b"PYTHONSTARTUP", b"PYTHONHOME"), (b"Py_BytesMain",)),
    ),
    Family(
        name="perl",
        roles=_INTERPRETER,
        names=r"perl(?:5[0-9.]*)?(?:-[a-z0-9_-]+)?",
        sonames=("libperl.so",),
        markers=((b"perl_parse", b"PERL5OPT"), (b"PERL5OPT", b"PERLLIB")),
    ),
    Family(
        name="ruby",
        roles=_INTERPRETER,
        names=r"j?ruby[0-9.]*",
        symbols=(b"ruby_run_node",),
        markers=((b"ruby_run_node",),),
    ),
    Family(
        name="node",
        roles=_INTERPRETER,
        names=r"node|nodejs|deno|bun",
        sonames=("libnode.so",),
        markers=((b"NODE_OPTIONS",), (b"DENO_DIR",), (b"BUN_INSTALL",)),
    ),
    Family(
        name="php",
        roles=_INTERPRETER,
        names=r"php(?:-?(?:fpm|cgi))?[0-9.]*",
        sonames=("libphp",),
        symbols=(b"zend_execute_scripts", b"php_execute_script"),
        markers=((b"zend_execute_scripts",),),
    ),
    Family(
        name="java",
        roles=_INTERPRETER,
        names=r"java|jshell|jrunscript",
        sonames=("libjli.so",),
        absent=(
            b"java.base/",
            b"java.rmi/",
            b"jdk.",
        ),  # keytool and its like: the same launcher for one fixed class
    ),
    Family(
        name="lua",
        roles=_INTERPRETER,
        names=r"lua(?:jit)?[0-9.-]*",
        markers=((b"LUA_INIT",),),
    ),
    Family(
        name="tcl",
        roles=_INTERPRETER,
        names=r"tclsh[0-9.]*|wish[0-9.]*|expect",
        sonames=("libtcl", "libexpect"),
        symbols=(b"Tcl_MainEx", b"Tcl_Main", b"Tcl_MainExW", b"Exp_Init", b"Expect_Init"),
    ),
    Family(
        name="awk",
        roles=_INTERPRETER,
        names=r"[gmn]?awk|original-awk",
        markers=((b"SUBSEP", b"ENVIRON"),),
    ),
    Family(
        name="guile",
        roles=_INTERPRETER,
        names=r"guile[0-9.-]*",
        sonames=("libguile",),
        symbols=(b"scm_shell",),
    ),
    Family(
        name="other-interpreter",
        roles=_INTERPRETER,
        names=r"R|Rscript|octave[0-9.-]*|erl|escript|beam\.smp|gprolog|swipl|sbcl|clisp|raku"
        r"|janet|qjs|dotnet|groovy|jjs|scala|clojure|kotlin",
        markers=((b"ERL_CRASH_DUMP", b"erts"), (b"SBCL_HOME",), (b"GForth",)),
    ),
)

MANAGERS = (
    Family(
        name="apt",
        roles=_MANAGER,
        names=r"apt|apt-(?:get|cache|mark|config|key|cdrom)|aptitude(?:-curses)?",
        sonames=("libapt-pkg.so",),
    ),
    Family(
        name="dpkg",
        roles=_MANAGER,
        names=r"dpkg|dpkg-(?:deb|divert|query|split|statoverride|trigger|reconfigure)|dselect",
        markers=((b"DPKG_ROOT",), (b"dpkg-split", b"debian-split")),
    ),
    Family(
        name="rpm",
        roles=_MANAGER,
        names=r"rpm|rpmdb|rpmkeys|yum|(?:micro)?dnf[0-9-]*|zypper|tdnf",
        sonames=("librpm.so", "libdnf", "libzypp.so"),
        scripts=((b"from dnf.cli import",), (b"import yummain",)),
    ),
    Family(
        name="apk",
        roles=_MANAGER,
        names=r"apk",
        sonames=("libapk.so",),
        markers=((b"apk-tools", b"APKINDEX"),),
    ),
    Family(
        name="other-manager",
        roles=_MANAGER,
        names=r"pacman|opkg|snap|nix(?:-env)?|flatpak|brew|guix|xbps-install|emerge|swupd",
        sonames=("libalpm.so", "libopkg", "libnixstore.so", "libnixmain.so"),
    ),
    Family(
        name="pip",
        roles=_MANAGER,
        names=r"pip[0-9.]*|pipx|uv|uvx|conda|(?:micro)?mamba|poetry|pdm|easy_install",
        markers=((b"UV_INDEX_URL",), (b"MAMBA_ROOT_PREFIX",)),
        scripts=(
            (b"from pip._internal",),
            (b"from pip.",),
            (b"from conda.cli",),
            (b"from pipx.",),
            (b"from poetry.console",),
        ),
    ),
    Family(
        name="npm",
        roles=_MANAGER,
        names=r"npm|npx|yarn(?:pkg)?|pnpm|pnpx|corepack",
        scripts=((b"../lib/cli.js')(process)",), (b"npm-cli",), (b"/corepack.js",)),
    ),
    Family(
        name="gem",
        roles=_MANAGER,
        names=r"gem[0-9.]*|bundler?[0-9.]*",
        scripts=((b"Gem::GemRunner",), (b"rubygems/gem_runner",), (b"bundler/friendly_errors",)),
    ),
    Family(
        name="cpan",
        roles=_MANAGER,
        names=r"cpan[m0-9.]*(?:-[a-z0-9_-]+)?",
        scripts=((b"use App::Cpan",), (b"App::cpanminus",)),
    ),
    Family(
        name="composer",
        roles=_MANAGER,
        names=r"composer|pecl|pear",
        scripts=((b"composer.phar",), (b"Composer\\",)),
    ),
    Family(
        name="cargo",
        roles=_MANAGER,
        names=r"cargo|rustup",
        markers=((b"CARGO_HOME", b"crates-io"),),
    ),
)

NETWORK_TOOLS = (
    Family(name="curl", roles=_NETWORK, names=r"curl", markers=((b"CURL_HOME", b"curlrc"),)),
    Family(
        name="wget",
        roles=_NETWORK,
        names=r"wget2?",
        sonames=("libwget.so",),
        markers=((b"WGETRC", b"wgetrc"),),
    ),
    Family(
        name="netcat",
        roles=_NETWORK,
        names=r"nc|ncat|netcat|nc\.(?:openbsd|traditional)|cryptcat",
        markers=((b"usage: nc",), (b"UDP listen needs -p arg",), (b"NCAT_REMOTE_ADDR",)),
    ),
    Family(name="socat", roles=_NETWORK, names=r"socat[0-9]*", markers=((b"SOCAT_", b"socat"),)),
    Family(
        name="ssh",
        roles=_NETWORK,
        names=r"ssh|scp|sftp|slogin|sshd|ssh-keyscan|dbclient|dropbear(?:multi)?|autossh",
        markers=(
            (b"OpenSSH_", b"SSH-"),
            (b"OpenSSH_", b"ssh-"),
            (b"SSH-2.0-dropbear",),
            (b"usage: scp ",),
            (b"sftp> ",),
        ),
    ),
    Family(
        name="telnet",
        roles=_NETWORK,
        names=r"(?:inetutils-|netkit-)?telnet",
        markers=((b"telnet", b"Escape character is"),),
    ),
    Family(
        name="ftp",
        roles=_NETWORK,
        names=r"(?:t?n|inetutils-|l)?ftp|tftp|atftp|pftp",
        markers=((b"ftp> ",), (b"LFTP_HOME",)),
    ),
    Family(
        name="nmap",
        roles=_NETWORK,
        names=r"nmap|nping|masscan|zmap|hping3?|arp-scan",
        markers=((b"NMAPDIR",), (b"hping statistic",)),
    ),
    Family(
        name="capture",
        roles=_NETWORK,
        names=r"tcpdump|tshark|dumpcap|ngrep",
        sonames=("libpcap.so",),
    ),
    Family(
        name="dns",
        roles=_NETWORK,
        names=r"dig|host|nslookup|nsupdate|delv|kdig|drill|resolvectl",
        sonames=("libbind9-", "libirs-", "libldns.so"),
        markers=((b"global options:", b"nssearch"),),
    ),
    Family(
        name="openssl",
        roles=_NETWORK,
        names=r"openssl|gnutls-cli(?:-debug)?|stunnel[0-9]*",
        markers=((b"\0s_client\0", b"\0s_server\0"),),
    ),
    Family(
        name="transfer",
        roles=_NETWORK,
        sonames=("libaria2.so",),
        names=r"rsync|aria2c|axel|rclone|lynx|w3m|elinks|links2?|http(?:ie|s)?|smbclient|git"
        r"|svn|hg|ldapsearch",
        markers=((b"RSYNC_RSH",), (b"GIT_SSH_COMMAND", b"git-upload-pack"),
                 (b"LYNX_CFG",), (b"usage: w3m",), (b"elinks.conf",)),
    ),
    Family(
        name="probe",
        roles=_NETWORK,
        names=r"ping[46]?|(?:inetutils-)?ping|traceroute6?(?:\.db)?|tracepath6?|mtr(?:-packet)?|arping|iperf3?",
        markers=((b"icmp_seq=",), (b"traceroute to ",), (b"mtr-packet",)),
        sonames=("libiperf.so",),
    ),
)  # fmt: skip

DEVELOPMENT = (
    Family(
        name="debugger",
        roles=_DEVELOPMENT,
        names=r"gdb(?:server|-minimal)?|lldb(?:-[0-9]+)?|strace|ltrace|perf|bpftrace|valgrind|delve|dlv",
        markers=((b"This GDB was configured",), (b"GDBHISTFILE",), (b"PTRACE_SYSCALL", b"strace"),
                 (b"ltrace.conf",)),
        sonames=("liblldb",),
    ),
    Family(
        name="compiler",
        roles=_DEVELOPMENT,
        names=r"(?:[a-z0-9_]+-[a-z0-9_]+-[a-z0-9_]+-)?(?:gcc|g\+\+|cc|c\+\+|cpp|clang(?:\+\+)?|cc1|cc1plus|tcc|as|ld|gold|gfortran|gnat|rustc|javac|ghc)"
        r"(?:-[0-9.]+|\.bfd|\.gold)?",
        markers=((b"COLLECT_GCC",), (b"GNU assembler",), (b"LD_RUN_PATH", b"GNU ld"),
                 (b"GNU C%s", b"cc1")),
        sonames=("libclang-cpp.so", "librustc_driver", "libopcodes-"),
    ),
    Family(
        name="go-compiler",
        roles=(Role.DEVELOPMENT, Role.PACKAGE_MANAGER),
        names=r"go(?:[0-9.]+)?",
        markers=((b"GOTOOLDIR", b"GOPROXY"),),
        go=True,
    ),
    Family(
        name="build-tool",
        roles=_DEVELOPMENT,
        names=r"g?make|cmake|ninja|meson|bazel",
        markers=((b"MAKEFLAGS", b"MAKEFILES"), (b"CMAKE_BUILD_TYPE",), (b"NINJA_STATUS",)),
    ),
)  # fmt: skip

FAMILIES = (*SHELLS, *INTERPRETERS, *MANAGERS, *NETWORK_TOOLS, *DEVELOPMENT, SCRIPT)
"""Every family; names are unique."""
