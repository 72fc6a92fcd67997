#!/bin/sh
# serve.sh PORT PATHS COMMAND...: starts a server, asks for the paths (separated by commas), and ends it.
port=$1; paths=$2; shift 2
"$@" &
pid=$!
for i in $(seq 100); do
	python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))" 2>/dev/null && break
	kill -0 $pid 2>/dev/null || exit
	sleep 0.1
done
for p in $(echo "$paths" | tr , ' '); do
	curl -s -m 6 -o /dev/null "http://127.0.0.1:$port/$p"
done
sleep 0.5
kill -TERM $pid
for i in $(seq 50); do
	kill -0 $pid 2>/dev/null || exit 0
	sleep 0.1
done
kill -KILL $pid
