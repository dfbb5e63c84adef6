"""Ports for the programs that a test starts."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody else is given while this process lives. It refuses connections until a program listens.

    A port that is only looked up goes to whoever asks next, before the program that was meant to have it listens.
    """
    holder = socket.socket()
    # A program may listen on a port that is held like this, if it sets the same option, as servers do.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port = int(holder.getsockname()[1])
    holder.detach()
    return port
