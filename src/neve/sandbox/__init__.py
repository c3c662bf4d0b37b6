"""The only subprocess user: bubblewrap, Docker and Podman behind one port."""

from neve.sandbox.port import Container, Pod, RunnableImage, Sandbox
from neve.sandbox.process import Completed, Process, find_program, run_command

__all__ = [
    "Completed",
    "Container",
    "Pod",
    "Process",
    "RunnableImage",
    "Sandbox",
    "find_program",
    "run_command",
]
