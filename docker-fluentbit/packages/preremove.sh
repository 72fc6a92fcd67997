#!/bin/sh
# dpkg says "remove", rpm the number of packages that remain. An upgrade leaves the service as it is.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl stop docker-fluentbit.service
	fi
	if command -v systemctl >/dev/null; then
		systemctl disable docker-fluentbit.service
	fi
	;;
esac
