#!/bin/sh
# run.sh WHAT: starts a PostgreSQL server in a new folder, provokes errors, and ends it. Run as a user that is not root, which postgres refuses.
bin=/usr/lib/postgresql/15/bin
dir=$(mktemp -d)
export PGHOST=$dir PGPORT=8541 PGUSER=postgres PGDATABASE=postgres
$bin/initdb -D "$dir/data" -U postgres -A scram-sha-256 --pwfile=/srv/app/password --lc-messages=C >/dev/null 2>&1
export PGPASSWORD=secret
server() { $bin/postgres -D "$dir/data" -k "$dir" -p $PGPORT -h 127.0.0.1 -c fsync=off "$@" & pid=$!; for i in 1 2 3 4 5 6 7 8 9 10; do $bin/pg_isready -q && break; sleep 0.3; done; }
q() { $bin/psql -qXc "$1" >/dev/null 2>&1; }
case $1 in
crash) server; (q 'select pg_sleep(9)') & sleep 0.5; kill -SEGV $(pgrep -P $pid -f pg_sleep\|SELECT); sleep 1.5 ;;
connections) server -c max_connections=4 -c superuser_reserved_connections=1; for i in 1 2 3 4 5 6; do (q 'select pg_sleep(2)') & done; sleep 2.5 ;;
deadlock) server; q 'create table t (id int primary key, n int); insert into t values (1, 1), (2, 2)'
	(q 'begin; update t set n = 3 where id = 1; select pg_sleep(1); update t set n = 3 where id = 2; commit') &
	q 'begin; update t set n = 4 where id = 2; select pg_sleep(1); update t set n = 4 where id = 1; commit'; sleep 2 ;;
canceled) server; $bin/psql -qX -c 'set statement_timeout = 100' -c 'select pg_sleep(2)' >/dev/null 2>&1; q 'create table t (id int)'
	(q 'begin; lock table t; select pg_sleep(1.5)') & sleep 0.5; $bin/psql -qX -c 'set lock_timeout = 100' -c 'select * from t' >/dev/null 2>&1; sleep 1.5 ;;
login) server; PGPASSWORD=wrong $bin/psql -qXc 'select 1' >/dev/null 2>&1; PGPASSWORD=wrong $bin/psql -h 127.0.0.1 -qXc 'select 1' >/dev/null 2>&1 ;;
slow) server -c log_min_duration_statement=500; q 'select pg_sleep(1.2)' ;;
archive) server -c archive_mode=on -c archive_command=false; q 'create table t (id int)'; q 'select pg_switch_wal()'; sleep 4 ;;
checkpoints) server -c max_wal_size=32MB -c checkpoint_warning=30s; q 'create table t (a text)'; for i in 1 2 3 4 5 6; do q 'insert into t select repeat(md5(i::text), 30) from generate_series(1, 20000) i'; done; sleep 1 ;;
page) server; q 'create table t (a text)'; q "insert into t select md5(i::text) from generate_series(1, 500) i"; q checkpoint
	f=$dir/data/$($bin/psql -qXAtc "select pg_relation_filepath('t')"); kill -INT $pid; wait $pid; dd if=/dev/urandom of="$f" bs=8192 count=1 conv=notrunc 2>/dev/null; server; q 'select count(*) from t' ;;
replica) server -c primary_conninfo=x; kill -INT $pid; wait $pid; touch "$dir/data/standby.signal"; server -c 'primary_conninfo=host=127.0.0.1 port=9 user=postgres'; sleep 1.5 ;;
ordinary) server -c log_connections=on -c log_disconnections=on -c log_checkpoints=on -c log_statement=all; q 'create table errors (error text, level int)'; q "insert into errors values ('error', 0), ('no error', 0)"; q "select * from errors where error = 'FATAL'"; q checkpoint
	q 'select 1/0'; q 'select * from nothing'; q "insert into errors values (1, 'x')" ;;
esac
kill -INT $pid 2>/dev/null
wait $pid 2>/dev/null
rm -rf "$dir"
