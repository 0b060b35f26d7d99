#!/bin/sh
export PGPASSWORD=$POSTGRES_PASSWORD
[ "$(psql -h "$(hostname -i)" -U "$POSTGRES_USER" 'select 1')" = 1 ]
