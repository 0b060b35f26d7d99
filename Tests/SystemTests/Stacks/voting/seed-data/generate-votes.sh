while read -r post; do wget -q -O - --post-data "$post" http://vote/ || exit 1; done < posts
