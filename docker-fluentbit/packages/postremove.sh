#!/bin/sh
# The store, /var/lib/fluentbit-trigger, holds alerts that may not be sent yet, and stays.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
