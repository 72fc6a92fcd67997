#!/bin/sh
# fpm.sh CONFIG PATH...: starts php-fpm, asks for the paths, and ends it.
conf=$1; shift
/usr/sbin/php-fpm8.2 -R -n -y /srv/app/$conf &
pid=$!
sleep 0.5
python3 fcgi.py 8519 "$@"
sleep 0.3
kill -QUIT $pid
wait $pid
