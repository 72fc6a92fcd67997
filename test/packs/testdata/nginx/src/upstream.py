"""A server behind nginx that is slow, or closes connections."""
import socket
import threading
import time

s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 8552))
s.listen()


def serve(c):
    if b"slow" in c.recv(4096):
        time.sleep(4)
    c.close()


while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
