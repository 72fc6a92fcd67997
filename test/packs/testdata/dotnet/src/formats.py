"""Microsoft.Extensions.Logging, Serilog and NLog do not run here: these are the forms that their documentation gives, around exceptions that
Mono printed. formats.py FORM WHAT reads the exception from exception.txt.

  mel           SimpleConsole of Microsoft.Extensions.Logging: https://learn.microsoft.com/dotnet/core/extensions/console-log-formatter
  mel_single    the same with SingleLine and a time
  mel_systemd   its Systemd formatter
  mel_json      its Json formatter
  serilog       Serilog.Sinks.Console's default template: https://github.com/serilog/serilog-sinks-console
  serilog_full  the template of Serilog.Sinks.File
  serilog_clef  Serilog.Formatting.Compact: @t, @m, @l, @x
  nlog          NLog's default layout ${longdate}|${level:uppercase=true}|${logger}|${message:withexception=true}
  dotnet        the runtime itself, of an exception that nobody caught: https://learn.microsoft.com/dotnet/standard/exceptions
  log4net       %date [%thread] %-5level %logger - %message%newline
"""
import json
import sys

form, what = sys.argv[1:]
exception = open("exception.txt").read().rstrip("\n")
ordinary = [
    ("Debug", "retry 1 of 3 after System.TimeoutException: timed out"), ("Debug", "GET /api/errors?level=Error 200 12ms"), ("Information", "batch done: 120 rows, error=0, failed=0"),
    ("Information", "0 errors, 0 warnings"), ("Information", "handler for CardDeclinedException is registered"), ("Information", "Now listening on: http://[::]:8080"),
    ("Information", "Application started. Press Ctrl+C to shut down."), ("Information", "loaded 3 error pages from /srv/app/errors/500.html"), ("Information", "level changed from Error to Critical"),
    ("Information", "last fatal error: none"), ("Warning", "slow query: 1203 ms, no error"), ("Warning", "retrying in 5s: timeout"), ("Warning", "error budget is at 87 %"),
]
short = {"Debug": "dbug", "Information": "info", "Warning": "warn", "Error": "fail", "Critical": "crit"}
three = {"Debug": "DBG", "Information": "INF", "Warning": "WRN", "Error": "ERR", "Critical": "FTL"}
word = {"Debug": "DEBUG", "Information": "INFO", "Warning": "WARN", "Error": "ERROR", "Critical": "FATAL"}
number = {"Debug": 7, "Information": 6, "Warning": 4, "Error": 3, "Critical": 2}
category = "Shop.Checkout"


def log(level, text, e=None):
    if form == "mel":
        print(f"{short[level]}: {category}[0]\n      {text}")
        if e:
            print("\n".join("      " + line for line in e.split("\n")))
    elif form == "mel_single":
        print(f"2026-11-29 12:00:00 {short[level]}: {category}[0] {text}" + (" " + " ".join(e.split("\n")) if e else ""))
    elif form == "mel_systemd":
        print(f"<{number[level]}>{category}[0] {text}" + (" " + " ".join(e.split("\n")) if e else ""))
    elif form == "mel_json":
        o = {"EventId": 0, "LogLevel": level, "Category": category, "Message": text, "State": {"Message": text, "{OriginalFormat}": text}}
        if e:
            o["Exception"] = e
        print(json.dumps(o))
    elif form == "serilog":
        print(f"[12:00:00 {three[level]}] {text}" + ("\n" + e if e else ""))
    elif form == "serilog_full":
        print(f"2026-11-29 12:00:00.000 +00:00 [{three[level]}] {text}" + ("\n" + e if e else ""))
    elif form == "serilog_clef":
        o = {"@t": "2026-11-29T12:00:00.0000000Z", "@mt": text}
        if level != "Information":
            o["@l"] = {"Critical": "Fatal"}.get(level, level)
        if e:
            o["@x"] = e
        print(json.dumps(o))
    elif form == "nlog":
        print(f"2026-11-29 12:00:00.0000|{word[level]}|{category}|{text}" + ("|" + e if e else ""))
    elif form == "log4net":
        print(f"2026-11-29 12:00:00,000 [1] {word[level]:<5} {category} - {text}" + ("\n" + e if e else ""))


if what == "ordinary":
    for level, text in ordinary:
        log(level, text)
elif what == "error":
    log("Information", "order received")
    log("Error", "cannot charge card of order 4711: gateway answered 502")
elif what == "critical":
    log("Critical", "no database: giving up")
elif form == "dotnet":
    print("Unhandled exception. " + exception, file=sys.stderr)
elif what == "exception":
    log("Error", "checkout failed", exception)
