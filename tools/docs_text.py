"""What the generated pages say that no code says: one line a name; a test finds a missing one."""

from __future__ import annotations

from collections.abc import Mapping

ADVICE: Mapping[str, str] = {
    "NeveError": "Every error is one of those below.",
    "UsageError": "Correct the call or the file that it names.",
    "FieldError": "Correct that key of the recipe.",
    "SourceError": "Go to the file, line and column, and take the suggestion.",
    "ToolError": "Do what its last line says, then run again. What was fetched is kept.",
    "TrustError": "Do not work around it. See [trust](../explanation/trust.md) for each check.",
    "BrokenLinkError": "The message names the link: keyring, signature, date, suite, index or "
    "package. Try another mirror; if it stays, tell whoever runs the archive.",
    "HostileInputError": "Do not use that file; fetch it from its source again.",
    "StoreError": "Look for room and permissions; `neve store verify` removes what is damaged.",
    "NetworkError": "Check the address, the [proxy and the CA](../howto/behind-a-proxy.md), and "
    "run again: a download goes on where it broke off.",
    "AccessError": "Give neve a login for that host: `podman login` or `docker login` for a "
    "registry, `~/.netrc` or `/etc/apt/auth.conf.d/` for a mirror.",
    "NotFoundError": "The mirror no longer has it. neve asks the snapshot service by hash; "
    "`neve lock --update` takes what the archive has now.",
    "WrongSizeError": "Often a proxy's page in place of the file. Check proxy and mirror.",
    "OfflineError": "Leave out `--offline`, or fill the store where there is a network.",
    "IndexMissingError": "`neve db update`, or [from files](../howto/closed-network.md): without "
    "an index nothing is known, which is not the same as nothing found.",
    "NoAnswerError": "Check the server's name, proxy and firewall, then run again.",
    "StoppedError": "Never shown: the transfer that failed is.",
    "EffectFormatError": "Take the database that neve ships, or trace the package anew.",
    "OwnerConflictError": "Exclude one of the two packages, or give the path under `files`.",
    "EffectError": "Trace the package anew: its effect and its files do not fit together.",
    "AccountError": "Pin other numbers under `accounts`, or exhaust fewer.",
    "FindingsError": "Read the findings above it.",
    "DeniedError": "Take the cause away, or loosen the named [rule](rules.md) with a reason.",
    "UnknownScriptsError": "Trace the scripts or answer for them: "
    "[how to](../howto/trace-effects.md).",
}
"""What to do about each class of error."""

DEFAULTS: Mapping[str, str] = {
    "store": "`neve` in the user's cache directory: `$XDG_CACHE_HOME` or `~/.cache`, "
    "`~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows",
    "offline": "`false`",
    "ca_file": "none; the system's CAs are always trusted",
    "jobs": "one a core",
    "engine": "`auto`: the first that works of those below",
    "max_index_age": "`0`: always asked",
    "plain_http": "none; a registry on this machine (`localhost`) needs no entry",
    "db": "`neve/db` in the user's data directory: `$XDG_DATA_HOME` or `~/.local/share`",
    "feeds": "`debian`, `exploited`, `go`, `java`, `node`, `php`, `python`, `ruby`",
    "max_feed_age": "`604800`: a week",
}
"""Each setting's default."""

VARIABLES: Mapping[str, str] = {
    "HTTP_PROXY": "proxy for http addresses (also in lower case, as the next three)",
    "HTTPS_PROXY": "proxy for https addresses",
    "ALL_PROXY": "proxy where neither of the two is set",
    "NO_PROXY": "hosts, domains and addresses that are reached directly",
    "NETRC": "file with logins, instead of `~/.netrc`; apt's `auth.conf` is read before it",
    "REGISTRY_AUTH_FILE": "the only file with logins for registries, instead of Podman's "
    "`auth.json` and Docker's `config.json`",
    "XDG_RUNTIME_DIR": "where Podman's `containers/auth.json` is looked for first",
    "DOCKER_CONFIG": "directory of Docker's `config.json`, instead of `~/.docker`",
    "SOURCE_DATE_EPOCH": "time in the image, in seconds, instead of the newest signed index date; "
    "read by `neve lock`",
    "NO_COLOR": "no colours (nor with `TERM=dumb`, nor when not on a terminal)",
    "COLUMNS": "width of results, where another than the terminal's (or 120 in a log) is wanted",
    "CI": "no progress line that redraws itself",
    "XDG_CACHE_HOME": "where the store lies",
    "XDG_CONFIG_HOME": "where your `neve/neve.toml` lies, by default `~/.config`",
    "XDG_DATA_HOME": "where `neve effects update` and `trace` keep databases and "
    "`neve db` its index, by default `~/.local/share`",
}
"""Variables that other tools know too; those of neve follow from the settings."""

GENERATED: Mapping[str, str] = {
    "ld.so.cache": "`/etc/ld.so.cache`, as ldconfig makes it",
    "ca-certificates": "the CA bundle, its links and hash links, OpenSSL's `cert.pem`",
    "java-cacerts": "Java's trust store",
    "php-modules": "links of PHP's modules for each interpreter",
    "sysusers": "accounts of `sysusers.d`",
    "tmpfiles": "files and directories of `tmpfiles.d`",
    "python-bytecode": "byte-compiled Python, by the image's own Python in the sandbox",
}
"""What each generator makes."""
