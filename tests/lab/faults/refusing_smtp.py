"""An SMTP server that refuses every recipient in words of one's choice.

    refusing_smtp.py ADDRESS PORT REPLY

What a mail server at the other end may say (greylisting, a blocklist, a full mailbox) so
that a real Postfix logs it.
"""

from __future__ import annotations

import socket
import sys

ANSWERS = {b"EHLO": b"250 there", b"MAIL": b"250 ok", b"RSET": b"250 ok", b"QUIT": b"221 bye"}


def serve(client: socket.socket, reply: bytes) -> None:
    with client, client.makefile("rb") as lines:
        client.sendall(b"220 there ESMTP\r\n")
        for line in lines:
            verb = line[:4].upper()
            client.sendall((reply if verb == b"RCPT" else ANSWERS.get(verb, reply)) + b"\r\n")
            if verb == b"QUIT":
                return


def main() -> None:
    address, port, reply = sys.argv[1:]
    with socket.create_server((address, int(port))) as server:
        print("ready", flush=True)  # noqa: T201 whoever started it waits for this
        while True:
            serve(server.accept()[0], reply.encode())


if __name__ == "__main__":
    main()
