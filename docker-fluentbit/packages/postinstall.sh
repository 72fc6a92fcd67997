#!/bin/sh
# A new service is not started: it has no rules yet. An upgrade restarts one that runs.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart docker-fluentbit.service || echo "docker-fluentbit was not restarted: see systemctl status docker-fluentbit" >&2
fi
