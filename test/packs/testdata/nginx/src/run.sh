#!/bin/sh
# run.sh CONNECTIONS ARGUMENTS-OF-CURL...: starts nginx, asks it once for each argument, and ends it.
sed "s/CONNECTIONS/$1/" nginx.conf > run.conf; shift
mkdir -p www; echo ok > www/index.html
python3 upstream.py & up=$!
for i in 1 2 3 4 5 6 7 8 9 10; do python3 -c "import socket; socket.create_connection(('127.0.0.1', 8552))" 2>/dev/null && break; sleep 0.1; done
nginx -p /srv/app -c /srv/app/run.conf & pid=$!
for i in 1 2 3 4 5 6 7 8 9 10; do [ -s nginx.pid ] && break; kill -0 $pid 2>/dev/null || break; sleep 0.2; done
for a; do
	case $a in
	kill) kill -SEGV $(pgrep -P $pid | head -1); sleep 0.5 ;;
	*) curl -s -m 5 -o /dev/null $(echo "$a" | sed 's#@/#http://127.0.0.1:8551/#') ;;
	esac
done
sleep 0.3
kill -QUIT $pid 2>/dev/null; wait $pid 2>/dev/null; kill $up
