#!/bin/sh
# Moves votes from the queue to the table; a voter's last vote counts.
trap 'exit 143' TERM INT
db() { printf 'postgres\n%s\n' "$1" | nc db 5432; }
until db "create votes" | grep -q CREATE; do echo "Waiting for db"; usleep 200000; done
echo "worker @VERSION@: connected to db"
while :; do
  vote=$(printf 'LPOP votes\r\n' | nc redis 6379 | tr -d '\r' | sed -n 2p)
  if [ -n "$vote" ]; then
    echo "Processing vote for '${vote#* }' by '${vote%% *}'"
    db "put votes $vote" >/dev/null
  else
    usleep 100000 & wait $!
  fi
done
