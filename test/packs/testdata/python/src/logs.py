"""Writes to a logger what the arguments name: errors, or ordinary lines."""
import logging
import logging.config
import sys
import warnings

import billing


def attempt(amount=250):
    billing.charge(amount)


def root():
    logging.basicConfig()
    return logging.getLogger()


def basic_info():
    logging.basicConfig(level=logging.DEBUG)
    return logging.getLogger("shop.orders")


def classic():
    logging.basicConfig(level=logging.DEBUG, format="%(asctime)s - %(name)s - %(levelname)s - %(message)s")
    return logging.getLogger("shop.orders")


def aligned():
    logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)-8s [%(threadName)s] %(name)s:%(lineno)d %(message)s")
    return logging.getLogger("shop.orders")


def bracketed():
    logging.basicConfig(level=logging.DEBUG, format="[%(asctime)s] %(levelname)s in %(module)s: %(message)s")
    return logging.getLogger("shop.orders")


def level_first():
    logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(asctime)s %(name)s %(process)d %(message)s")
    return logging.getLogger("shop.orders")


def bare():
    logging.basicConfig(level=logging.DEBUG, format="%(message)s")
    return logging.getLogger("shop.orders")


def json_logger():
    from pythonjsonlogger import jsonlogger
    h = logging.StreamHandler()
    h.setFormatter(jsonlogger.JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.DEBUG, handlers=[h])
    return logging.getLogger("shop.orders")


def structlog_console():
    import structlog
    return structlog.get_logger("shop.orders")


def structlog_plain():
    import structlog
    structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"),
                                    structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)])
    return structlog.get_logger("shop.orders")


def structlog_json():
    import structlog
    structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"),
                                    structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])
    return structlog.get_logger("shop.orders")


def structlog_logfmt():
    import structlog
    structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"),
                                    structlog.processors.format_exc_info, structlog.processors.LogfmtRenderer()])
    return structlog.get_logger("shop.orders")


def loguru_plain():
    from loguru import logger
    return logger


def loguru_colour():
    from loguru import logger
    logger.remove()
    logger.add(sys.stderr, colorize=True)
    return logger


def loguru_json():
    from loguru import logger
    logger.remove()
    logger.add(sys.stderr, serialize=True)
    return logger


def celery():
    from celery.utils.log import get_task_logger
    from celery.app.log import Logging
    import celery as c
    app = c.Celery("shop")
    Logging(app).setup_logging_subsystem(loglevel="DEBUG")
    return get_task_logger("shop.tasks")


def error(log):
    log.info("order received")
    log.error("cannot charge card of order 4711: gateway answered 502")


def critical(log):
    log.critical("no database: giving up")


def exception(log):
    log.info("order received")
    try:
        attempt()
    except billing.CardDeclined:
        log.exception("cannot charge order 4711")


def handled(log):
    try:
        attempt(-1)
    except billing.PaymentError:
        log.error("payment failed", exc_info=True)


ORDINARY = [
    ("debug", "retry 1 of 3 after ConnectionError: reset by peer"),
    ("debug", "GET /api/errors?level=ERROR 200 12ms"),
    ("info", "batch done: 120 rows, error=0, failed=0"),
    ("info", "0 errors, 0 warnings"),
    ("info", "registered handler CardDeclinedException for billing.CardDeclined"),
    ("info", "loaded 3 error pages from /srv/app/errors/500.html"),
    ("info", "test_raises_ValueError PASSED"),
    ("info", "ValueError: was handled, the default is taken"),
    ("info", "last fatal error was 12 days ago"),
    ("info", "level changed from ERROR to CRITICAL"),
    ("info", "Traceback of the last run is at /tmp/trace.txt"),
    ("info", '{"level": "info", "errors": []}'),
    ("warning", "slow query: 1203 ms, no error"),
    ("warning", "retrying in 5s: TimeoutError"),
    ("warning", "error budget is at 87 %"),
]


def ordinary(log):
    for level, text in ORDINARY:
        getattr(log, level)(text)


if __name__ == "__main__":
    globals()[sys.argv[2]](globals()[sys.argv[1]]())
