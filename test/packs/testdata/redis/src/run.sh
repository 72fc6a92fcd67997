#!/bin/sh
# run.sh WHAT: starts a Redis server in a new folder, provokes an error, and ends it.
dir=$(mktemp -d)
cd "$dir" || exit
port=8531
server() { redis-server --port $port --bind 127.0.0.1 --dir "$dir" "$@" & pid=$!; sleep 0.6; }
cli() { redis-cli -p $port "$@" >/dev/null 2>&1; }
case $1 in
snapshot) server --save "1 1" --dbfilename dump.rdb; mkdir temp-$pid.rdb dump.rdb; cli set a 1; sleep 2.5 ;;
crash) server --enable-debug-command yes; cli debug segfault ;;
aof) mkdir appendonlydir; printf 'file appendonly.aof.1.incr.aof seq 1 type i\n' > appendonlydir/appendonly.aof.manifest; printf '*2\r\n$4\r\nnonsense' > appendonlydir/appendonly.aof.1.incr.aof; server --appendonly yes --aof-load-truncated no ;;
clients) server --maxclients 1; (sleep 1 | redis-cli -p $port >/dev/null) & sleep 0.2; cli ping ;;
replica) server; first=$pid; port2=$port; port=8532; server --replicaof 127.0.0.1 8531; sleep 1.5; kill -9 $first; sleep 1 ;;
http) server; printf 'POST / HTTP/1.1\r\nHost: x\r\n\r\n' | timeout 1 python3 -c "import socket,sys; s=socket.create_connection(('127.0.0.1',$port)); s.sendall(sys.stdin.buffer.read()); s.recv(99)" ;;
cluster) server --cluster-enabled yes; cli cluster addslotsrange 0 16382; sleep 1.5; cli cluster addslots 16383; sleep 2.5; cli cluster delslots 1; sleep 1 ;;
ordinary) server --appendonly yes; cli set error 0; cli bgsave; sleep 0.5; cli bgrewriteaof; sleep 0.7; cli config set maxmemory 1mb; cli ping ;;
esac
kill -TERM $pid 2>/dev/null
sleep 0.4
