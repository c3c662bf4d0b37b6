"""Greets whoever asks; the greeting is a setting."""

from __future__ import annotations

import os

from flask import Flask, jsonify
from flask.wrappers import Response

app = Flask(__name__)


@app.get("/")
def index() -> str:
    """Greet the world."""
    return f"{os.environ.get('GREETING', 'Hello')}, world\n"


@app.get("/hello/<name>")
def hello(name: str) -> Response:
    """Greet one person."""
    return jsonify(greeting=f"{os.environ.get('GREETING', 'Hello')}, {name}")


@app.get("/health")
def health() -> tuple[str, int]:
    """Say that the process answers."""
    return "", 204
