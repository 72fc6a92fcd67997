"""Asks a FastCGI server for paths: fcgi.py PORT PATH..."""
import socket
import struct
import sys
import time


def record(kind, body):
    return struct.pack(">BBHHBB", 1, kind, 1, len(body), 0, 0) + body


for path in sys.argv[2:]:
    env = {"SCRIPT_FILENAME": "/srv/app/web.php", "REQUEST_METHOD": "GET", "REQUEST_URI": path}
    params = b"".join(bytes([len(k), len(v)]) + k.encode() + v.encode() for k, v in env.items())
    for _ in range(50):
        try:
            s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
            break
        except OSError:
            time.sleep(0.1)
    s.sendall(record(1, struct.pack(">HB5x", 1, 0)) + record(4, params) + record(4, b"") + record(5, b""))
    s.settimeout(8)
    try:
        while s.recv(4096):
            pass
    except OSError:
        pass
    s.close()
