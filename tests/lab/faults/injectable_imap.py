"""An IMAP server with the STARTTLS injection flaw: what came before TLS is answered inside it.

    injectable_imap.py ADDRESS PORT CERTIFICATE-AND-KEY

Real servers had it (CVE-2011-0411 and its kin); those of the lab do not, so the probe is
shown this one.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading

CAPABILITIES = b"IMAP4rev1 STARTTLS LOGINDISABLED"


def serve(client: socket.socket, context: ssl.SSLContext) -> None:
    client.sendall(b"* OK [CAPABILITY " + CAPABILITIES + b"] ready\r\n")
    pending = b""
    try:
        while True:
            while b"\r\n" not in pending:
                data = client.recv(4096)
                if not data:
                    return
                pending += data
            line, _, pending = pending.partition(b"\r\n")
            tag, _, command = line.partition(b" ")
            if command.upper() == b"STARTTLS":
                client.sendall(tag + b" OK begin\r\n")
                client = context.wrap_socket(client, server_side=True)
                # The flaw: `pending` should have been thrown away here.
                continue
            if command.upper() == b"CAPABILITY":
                client.sendall(b"* CAPABILITY " + CAPABILITIES + b"\r\n")
            client.sendall(tag + b" OK done\r\n")
    except OSError:
        return
    finally:
        client.close()


def main() -> None:
    address, port, pem = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server((address, int(port))) as server:
        while True:
            client, _ = server.accept()
            threading.Thread(target=serve, args=(client, context), daemon=True).start()


if __name__ == "__main__":
    main()
