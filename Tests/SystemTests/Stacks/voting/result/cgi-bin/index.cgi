#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
set -- $(printf 'postgres\ncount votes a\ncount votes b\n' | nc db 5432)
echo "a=${1:-?} b=${2:-?}"
