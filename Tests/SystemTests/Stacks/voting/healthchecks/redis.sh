#!/bin/sh
[ "$(redis-cli -h "$(hostname -i)" ping)" = PONG ]
