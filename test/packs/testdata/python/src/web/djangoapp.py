import os
import sys

import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

settings.configure(DEBUG=os.environ.get("DJANGO_DEBUG") == "1", SECRET_KEY="x", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"],
                   MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
                   LOGGING={"version": 1, "disable_existing_loggers": False,
                            "formatters": {"verbose": {"format": "{levelname} {asctime} {module} {process:d} {thread:d} {message}", "style": "{"}},
                            "handlers": {"console": {"class": "logging.StreamHandler",
                                                     **({"formatter": "verbose"} if os.environ.get("DJANGO_VERBOSE") else {})}},
                            "loggers": {"django": {"handlers": ["console"], "level": "INFO", "propagate": False}}})


def ok(request):
    return HttpResponse("ok")


def pay(request):
    import billing
    billing.charge(250)


urlpatterns = [path("ok", ok), path("pay", pay), path("errors/500", ok)]

if __name__ == "__main__":
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
else:
    django.setup()
    from django.core.wsgi import get_wsgi_application
    application = get_wsgi_application()
