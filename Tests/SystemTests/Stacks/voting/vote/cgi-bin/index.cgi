#!/bin/sh
# GET shows the choice; POST of vote=a|b&voter=ID puts the vote into the queue.
printf 'Content-Type: text/plain\r\n\r\n'
if [ "$REQUEST_METHOD" = POST ]; then
  form=$(head -c "$CONTENT_LENGTH")
  vote=${form#vote=}; vote=${vote%%&*}; voter=${form##*voter=}
  printf 'RPUSH votes %s %s\r\n' "$voter" "$vote" | nc redis 6379 | grep -q '^:' && echo "voted $vote"
else
  echo "$OPTION_A vs $OPTION_B! Processed by container ID $(hostname)"
fi
