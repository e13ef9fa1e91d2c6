"""What commands that write a decision down have in common: who, and why."""

import getpass
import os
import socket
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the log.")]
Who = Annotated[str, typer.Option(help="Who decided it; you, by default.")]


def me() -> str:
    """Who calls the command, and where."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # as in a container that runs under a number
        name = f"uid {os.getuid()}"
    return f"{name}@{socket.gethostname()}"
