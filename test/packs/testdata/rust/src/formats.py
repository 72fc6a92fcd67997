"""The crates log, env_logger and tracing do not run here: these are the forms that their documentation gives. formats.py FORM WHAT

  env_logger    env_logger 0.11: https://docs.rs/env_logger
  tracing       tracing_subscriber::fmt: https://docs.rs/tracing-subscriber
  tracing_ansi  the same with colours
  tracing_json  its json()
"""
import json
import sys

form, what = sys.argv[1:]
ordinary = [
    ("DEBUG", "retry 1 of 3: connection refused"), ("DEBUG", "GET /api/errors?level=ERROR 200 12ms"), ("INFO", "batch done: 120 rows, error=0, failed=0"), ("INFO", "0 errors, 0 warnings"),
    ("INFO", "listening on 0.0.0.0:8080"), ("INFO", "loaded 3 error pages from /srv/app/errors/500.html"), ("INFO", "level changed from ERROR to FATAL"), ("INFO", "last panic: none"),
    ("WARN", "slow query: 1203 ms, no error"), ("WARN", "retrying in 5s: timeout"), ("WARN", "error budget is at 87 %"),
]
colour = {"DEBUG": 34, "INFO": 32, "WARN": 33, "ERROR": 31}


def log(level, text):
    if form == "env_logger":
        print(f"[2026-11-29T12:00:00Z {level:<5} shop::orders] {text}")
    elif form == "tracing":
        print(f"2026-11-29T12:00:00.000000Z {level:>5} shop::orders: {text}")
    elif form == "tracing_ansi":
        print(f"\x1b[2m2026-11-29T12:00:00.000000Z\x1b[0m \x1b[{colour[level]}m{level:>5}\x1b[0m \x1b[2mshop::orders\x1b[0m\x1b[2m:\x1b[0m {text}")
    elif form == "tracing_json":
        print(json.dumps({"timestamp": "2026-11-29T12:00:00.000000Z", "level": level, "fields": {"message": text}, "target": "shop::orders"}))


if what == "ordinary":
    for level, text in ordinary:
        log(level, text)
else:
    log("INFO", "order received")
    log("ERROR", "cannot charge card of order 4711: gateway answered 502")
