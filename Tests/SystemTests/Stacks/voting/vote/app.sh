trap 'kill $server; exit 0' TERM INT
httpd -f -p 80 -h /usr/local/app & server=$!
wait $server
