"""The only subprocess user: bubblewrap, Docker and Podman behind one port."""

from neve.sandbox.bytecode import (
    BYTECODE_VERSION,
    Bytecode,
    PythonSource,
    cached_path,
    compile_python,
)
from neve.sandbox.choose import SANDBOXES, choose_engine, choose_sandbox
from neve.sandbox.engine import Engine
from neve.sandbox.mounts import resolve_inside
from neve.sandbox.port import Container, Pod, RunnableImage, Sandbox
from neve.sandbox.process import (
    Completed,
    Process,
    find_program,
    run_command,
    signal_name,
    signal_number,
)

__all__ = [
    "BYTECODE_VERSION",
    "SANDBOXES",
    "Bytecode",
    "Completed",
    "Container",
    "Engine",
    "Pod",
    "Process",
    "PythonSource",
    "RunnableImage",
    "Sandbox",
    "cached_path",
    "choose_engine",
    "choose_sandbox",
    "compile_python",
    "find_program",
    "resolve_inside",
    "run_command",
    "signal_name",
    "signal_number",
]
