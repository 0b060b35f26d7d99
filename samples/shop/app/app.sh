# Writes a page with the number of visits, every second, as long as it runs.
trap 'exit 0' TERM INT
test -s /run/secrets/token || { echo "no token" >&2; exit 1; }
while true; do
  count=$(redis-cli -h "$REDIS_HOST" incr visits)
  greeting=$(redis-cli -h "$REDIS_HOST" get greeting)
  echo "$greeting: visit $count" > /pages/index.html.new && mv /pages/index.html.new /pages/index.html
  [ "$LOG_LEVEL" = debug ] && echo "wrote visit $count"
  sleep 1 &
  wait $!
done
