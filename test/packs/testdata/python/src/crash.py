"""Ends with the exception that the argument names."""
import asyncio
import concurrent.futures
import faulthandler
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import warnings

import billing


def value_error():
    int("x")


def key_error():
    return {"a": 1}["customer_id"]


def type_error():
    return "total: " + 5


def attribute_error():
    return None.id


def name_error():
    return totl


def zero_division():
    return 1 / 0


def index_error():
    return [][3]


def bare_assert():
    assert 1 + 1 == 3


def assert_with_text():
    assert False, "stock went negative"


def file_not_found():
    open("/etc/shop/config.yaml")


def permission_denied():
    os.kill(1, 0) if os.getuid() else open("/proc/1/mem", "wb").write(b"x")


def unicode_error():
    b"\xff\xfe".decode("utf-8")


def json_error():
    json.loads("{'a': 1}")


def connection_refused():
    import urllib.request
    urllib.request.urlopen("http://127.0.0.1:9/health")


def read_timeout():
    import requests, socket
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen()
    requests.get("http://127.0.0.1:%d/pay" % s.getsockname()[1], timeout=0.1)


def requests_connection():
    import requests
    requests.get("http://127.0.0.1:9/stock", timeout=1)


def http_error():
    import requests, threading, http.server
    class H(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(502)
        def log_message(self, *a):
            pass
    srv = http.server.HTTPServer(("127.0.0.1", 0), H)
    threading.Thread(target=srv.serve_forever, daemon=True).start()
    requests.get("http://127.0.0.1:%d/stock" % srv.server_port, timeout=5).raise_for_status()


def custom():
    billing.charge(250)


def custom_other():
    billing.charge(1)


def custom_multiline():
    billing.charge(-1)


def main_class():
    class InsufficientFundsFailure(Exception):
        pass
    InsufficientFundsFailure.__qualname__ = "InsufficientFundsFailure"
    raise InsufficientFundsFailure("account 12 has 3 EUR")


def chained():
    try:
        billing.charge(250)
    except billing.CardDeclined as e:
        raise RuntimeError("order 4711 cannot be paid") from e


def during_handling():
    try:
        int("x")
    except ValueError:
        return {}["fallback"]


def group():
    raise ExceptionGroup("two workers failed", [ValueError("bad page"), OSError(28, "No space left on device")])


def recursion():
    recursion()


def memory():
    return bytearray(1 << 62)


def missing_module():
    import yaml_that_is_not_there


def cannot_import():
    from billing import refund


def syntax_error():
    open("broken.py", "w").write("def f(:\n    pass\n")
    import broken


def in_thread():
    t = threading.Thread(target=key_error, name="consumer-1")
    t.start()
    t.join()


def process_pool():
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        pool.submit(zero_division).result()


def broken_pool():
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        pool.submit(os._exit, 1).result()


def task_never_retrieved():
    async def main():
        async def job():
            raise billing.PaymentError("gateway answered 500")
        asyncio.get_running_loop().create_task(job())
        await asyncio.sleep(0.01)
    asyncio.run(main())
    import gc
    gc.collect()


def asyncio_timeout():
    async def main():
        await asyncio.wait_for(asyncio.sleep(5), 0.01)
    asyncio.run(main())


def subprocess_failed():
    subprocess.run(["false"], check=True)


def segfault():
    faulthandler.enable()
    faulthandler._sigsegv()


def fatal_abort():
    faulthandler.enable()
    os.abort()


def in_del():
    class Handle:
        def __del__(self):
            raise OSError(9, "Bad file descriptor")
    Handle()


def sqlite_locked():
    import sqlite3
    a = sqlite3.connect("/tmp/fbt-locked.db", timeout=0)
    a.execute("create table if not exists t (x)")
    a.execute("begin exclusive")
    sqlite3.connect("/tmp/fbt-locked.db", timeout=0).execute("insert into t values (1)")


def socket_in_use():
    import socket
    a = socket.socket()
    a.bind(("127.0.0.1", 0))
    socket.socket().bind(a.getsockname())


def plain():
    raise Exception("boom")


def no_message():
    raise NotImplementedError


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()


def exits():
    sys.exit("usage: app.py COMMAND (errors: 0)")


def warns():
    warnings.warn("the errors argument is deprecated", DeprecationWarning, stacklevel=1)
    warnings.warn("retrying after ConnectionError: reset", RuntimeWarning)
    warnings.warn("ValueError: is caught")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
