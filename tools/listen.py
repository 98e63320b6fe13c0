#!/usr/bin/env python3
"""listen: a WebSocket client of /live for a terminal: says hello with a live token and prints
each message as a line. Also what tools/bench/event listens with. Needs nothing but Python.
   tools/listen.py PORT LIVE_TOKEN
"""
import base64
import json
import os
import socket
import struct
import sys


def send(live, text):  # RFC 6455, section 5.2: a masked frame
    data, mask = text.encode(), os.urandom(4)
    head = struct.pack("!BBH", 0x81, 0xFE, len(data))
    live.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))


def connect(port, token):
    """A listening connection: its socket, and the stream of what comes."""
    live = socket.create_connection(("127.0.0.1", port))
    live.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = live.makefile("rb")
    key = base64.b64encode(os.urandom(16)).decode()
    live.sendall(("GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Protocol: cg.v1\r\nSec-WebSocket-Key: %s\r\n\r\n" % key).encode())
    status = stream.readline().decode()
    if " 101 " not in status:
        raise SystemExit("listen: " + status.strip())
    while stream.readline() not in (b"\r\n", b""):
        pass
    send(live, json.dumps({"type": "hello", "token": token}))
    return live, stream


def receive(live, stream):
    """The next message; answers pings; None when the other side closed."""
    while True:
        head = stream.read(2)
        if len(head) < 2:
            return None
        length = head[1]
        if length == 126:
            length = struct.unpack("!H", stream.read(2))[0]
        data = stream.read(length)
        if head[0] == 0x88:
            print("closed: %d %s" % (struct.unpack("!H", data[:2])[0], data[2:].decode()), file=sys.stderr)
            return None
        if head[0] == 0x89:
            mask = os.urandom(4)
            live.sendall(bytes([0x8A, 0x80 | length]) + mask
                         + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))
        elif head[0] == 0x81:
            return json.loads(data)


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[1].isdigit():
        raise SystemExit(__doc__)
    try:
        live, stream = connect(int(sys.argv[1]), sys.argv[2])
        while (message := receive(live, stream)) is not None:
            print(json.dumps(message, ensure_ascii=False), flush=True)
    except KeyboardInterrupt:
        pass
    except OSError as wrong:
        raise SystemExit("listen: %s" % wrong)
