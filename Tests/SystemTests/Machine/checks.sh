# Runs in the emulated machine of scripts/virtual-machine: control groups of version 2, and another engine's packet rules.
set -u
failures=0
check() { # check WHAT EXPECTED ACTUAL
  if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAILED: $1: expected \"$2\", got \"$3\""; failures=$((failures + 1)); fi
}
groups() { find /sys/fs/cgroup -type d | wc -l; }
before=$(groups)
roost import --change 'CMD ["sh"]' /busybox.tar busybox >/dev/null
check "the engine says which version it uses" 2 "$(roost info --format '{{.CgroupVersion}}')"
check "a program runs" hello "$(roost run --rm busybox echo hello)"
check "memory, swap, processors, processes" "67108864 67108864 50000 100000 20" "$(roost run --rm -m 64m --cpus 0.5 --pids-limit 20 busybox sh -c \
  'cd /sys/fs/cgroup; echo $(cat memory.max memory.swap.max cpu.max pids.max)')"
check "processors to run on" 1 "$(roost run --rm --cpuset-cpus 1 busybox cat /sys/fs/cgroup/cpuset.cpus.effective)"
check "a container sees its own groups as the top" 0::/ "$(roost run --rm busybox cat /proc/self/cgroup)"
check "what is limited cannot lift its limit" 1 "$(roost run --rm -m 64m busybox sh -c 'echo max > /sys/fs/cgroup/memory.max 2>/dev/null; echo $?')"
roost run --name hungry -m 16m --memory-swap 16m busybox sh -c 'dd if=/dev/zero of=/dev/null bs=64M count=1' >/dev/null 2>&1
check "out of memory is told" "137 true" "$(roost inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}' hungry)"
roost rm hungry >/dev/null
numbers=$(ls -l /dev/cpu_dma_latency | sed 's/.* \([0-9]*\), *\([0-9]*\) .*/\1 \2/')
check "a device that is not allowed cannot be opened" denied "$(roost run --rm --cap-add MKNOD busybox sh -c \
  "mknod /tmp/device c $numbers; (exec 3</tmp/device) 2>/dev/null && echo opened || echo denied")"
check "a device that is allowed can" opened "$(roost run --rm --device /dev/cpu_dma_latency busybox sh -c \
  '(exec 3</dev/cpu_dma_latency) && echo opened || echo denied')"
check "the usual devices can" ok "$(roost run --rm busybox sh -c 'head -c 1 /dev/urandom >/dev/null && echo x > /dev/null && echo ok')"
check "a privileged container opens any" opened "$(roost run --rm --privileged busybox sh -c \
  "mknod /tmp/device c $numbers; (exec 3</tmp/device) && echo opened || echo denied")"

roost run -d --name ticker busybox sh -c 'while :; do echo tick; sleep 0.1; done' >/dev/null
roost pause ticker >/dev/null
check "paused" paused "$(roost inspect -f '{{.State.Status}}' ticker)"
one=$(roost logs ticker | wc -l); sleep 1; two=$(roost logs ticker | wc -l)
check "what is paused does nothing" "$one" "$two"
roost unpause ticker >/dev/null
check "a further program is in the group" yes "$(roost exec ticker sh -c 'grep -qx $$ /sys/fs/cgroup/cgroup.procs && echo yes')"
kill -9 "$(roost engine status | sed -n 's/^pid: //p')"
check "an engine that was killed finds it again" running "$(roost inspect -f '{{.State.Status}}' ticker)"
roost kill ticker >/dev/null
check "killed" 137 "$(roost wait ticker)"
roost rm ticker >/dev/null

# What a Docker Engine on the same machine does: nothing is forwarded that it does not know, and bridges are asked too.
echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables
nft add table ip filter
nft 'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
nft 'add chain ip filter DOCKER-USER'
mkdir -p /tmp/project; cat > /tmp/project/compose.yaml <<'P'
services:
  server:
    image: busybox
    command: [sh, -c, "mkdir /w; echo in > /w/index.html; exec httpd -f -p 80 -h /w"]
    ports: ["8080:80"]
    mem_limit: 32m
  client:
    image: busybox
    command: [sh, -c, "sleep 3600"]
    depends_on: [server]
P
cd /tmp/project
roost up -d >/dev/null 2>&1
check "names and networks" Name "$(roost exec client nslookup server | grep -o Name | head -1)"
check "one container reaches the other" in "$(roost exec client wget -qO- http://$(roost inspect -f \
  '{{.NetworkSettings.Networks.project_default.IPAddress}}' project-server-1)/)"
check "a published port" in "$(wget -qO- http://127.0.0.1:8080/)"
roost down -t 1 >/dev/null 2>&1
roost engine stop >/dev/null
check "the other engine's chain is as it was" 0 "$(nft list chain ip filter FORWARD | grep -c roost)"
check "no group is left" "$before" "$(groups)"
check "no mount is left" 0 "$(grep -c /var/lib/roost /proc/mounts)"
check "no process is left" 0 "$(ps | grep -c '[r]oost-shim\|[r]oostd')"
grep -E "error|warning" /var/lib/roost/engine.log
exit "$failures"
