#!/bin/sh
# run.sh WHAT: starts a MariaDB server in a new folder, provokes errors, and ends it.
share=${MARIADB_SHARE:-/usr/share/mysql}
dir=$(mktemp -d)
chmod 777 "$dir"
: > "$dir/bootstrap"
for f in mysql_system_tables mysql_performance_tables mysql_system_tables_data fill_help_tables; do cat "$share/$f.sql" >> "$dir/bootstrap"; done
server() { mariadbd --no-defaults --user=nobody --datadir="$dir/data" --lc-messages-dir="$share" --socket="$dir/s" --port=8561 --bind-address=127.0.0.1 --plugin-dir="$dir" --innodb-buffer-pool-size=16M --pid-file="$dir/p" "$@" & pid=$!; for i in $(seq 40); do [ -S "$dir/s" ] && break; sleep 0.2; done; sleep 0.3; }
mkdir "$dir/data"; chown nobody "$dir/data"
(printf 'create database mysql;\nuse mysql;\nset @auth_root_socket=NULL;\n'; cat "$dir/bootstrap") | mariadbd --no-defaults --user=nobody --datadir="$dir/data" --lc-messages-dir="$share" --plugin-dir="$dir" --bootstrap >/dev/null 2>&1
q() { mariadb --no-defaults -S "$dir/s" -u root -e "$1" >/dev/null 2>&1; }
case $1 in
crash) server; kill -SEGV $pid; sleep 2 ;;
recovery) server; q 'create database d; create table d.t (a int) engine=innodb; insert into d.t values (1)'; kill -9 $pid; sleep 0.5; rm -f "$dir/s"; server ;;
denied) server --log-warnings=2; mariadb --no-defaults -S "$dir/s" -u shop -pwrong -e 'select 1' 2>/dev/null; mariadb --no-defaults -h 127.0.0.1 -P 8561 -u root -pwrong -e 'select 1' 2>/dev/null ;;
connections) server --max-connections=10 --extra-max-connections=1 --log-warnings=4; for i in $(seq 13); do (q 'select sleep(2)') & done; sleep 3 ;;
deadlock) server --innodb-print-all-deadlocks=1; q 'create database d; create table d.t (id int primary key, n int) engine=innodb; insert into d.t values (1,1),(2,2)'
	(q 'set autocommit=0; update d.t set n=3 where id=1; select sleep(1); update d.t set n=3 where id=2; commit') &
	q 'set autocommit=0; update d.t set n=4 where id=2; select sleep(1); update d.t set n=4 where id=1; commit'; sleep 2 ;;
corrupt) server; q 'create database d; create table d.t (a text) engine=innodb; insert into d.t select repeat("x",200) from seq_1_to_99'; q 'insert into d.t values (repeat("y", 9000))'; q 'shutdown'; wait $pid; dd if=/dev/urandom of="$dir/data/d/t.ibd" bs=16384 seek=3 count=2 conv=notrunc 2>/dev/null; rm -f "$dir/s"; server; q 'select * from d.t' ;;
ordinary) server --log-warnings=1; q 'create database errors; create table errors.error (a int); insert into errors.error values (0)'; q 'select * from errors.nothing'; q 'select 1/0' ;;
esac
kill -TERM $pid 2>/dev/null
wait $pid 2>/dev/null
rm -rf "$dir"
