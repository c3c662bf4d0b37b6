"""The last step into a root file system, as real root: change root, become the user, execute.

Run as a script inside the namespaces that bubblewrap made (``python -I -S enter.py``), with what
to do in a variable, so it imports next to nothing. It makes ownership exact where bubblewrap
alone could only map one id. It must never go on after a failure: whatever goes wrong, the
program is not started.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import stat

SPECIFICATION = "NEVE_ENTER"
"""The variable with what to do: an argument would show everybody the secrets in it."""

NOT_FOUND = 127
NOT_EXECUTABLE = 126
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(text: str) -> None:
    """Enter ``root`` as ``uid``:``gid`` and execute ``argv`` with exactly ``environment``."""
    spec = json.loads(text)
    uid, gid = spec["uid"], spec["gid"]
    for descriptor in (0, 1, 2):  # so that a program may open /dev/stdout, as engines allow
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):  # never /dev/null, which is the host's
            os.fchown(descriptor, uid, gid)
    library = ctypes.CDLL(None)
    os.chroot(spec["root"])
    os.chdir("/")
    os.setgroups(spec["groups"])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    # The kernel forgets it when the user changes: prctl(2).
    library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.umask(0o022)
    try:
        os.chdir(spec["workdir"])
    except OSError as error:
        os.write(2, f"working directory {spec['workdir']}: {error.strerror}\n".encode())
        os._exit(NOT_EXECUTABLE)
    _execute(spec["argv"], spec["environment"])


def _execute(argv: list[str], environment: dict[str, str]) -> None:
    """As execvpe(3); Python's own would import modules, which the root hides by now."""
    name = argv[0]
    places = [""] if "/" in name else [f"{p or '.'}/" for p in environment["PATH"].split(":")]
    status, message = NOT_FOUND, "no such program in the image"
    for place in places:
        try:
            os.execve(place + name, argv, environment)  # noqa: S606 - no shell is the point
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            status, message = NOT_EXECUTABLE, str(error.strerror)
    os.write(2, f"{name}: {message}\n".encode())
    os._exit(status)


if __name__ == "__main__":
    main(os.environ[SPECIFICATION])
