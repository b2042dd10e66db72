#!/bin/sh
# Tries both units under a real systemd, in a container of systemd-nspawn without a network:
#
#   sh deploy/try-systemd.sh WHEELS ROOT     WHEELS: the wheels of both roles in one folder
#                                            ROOT: a folder for the root filesystem; made once, by mmdebstrap
#
# Run it as root, with the packages systemd-container and mmdebstrap. It installs by install.sh,
# enrols the edge at the gateway beside it, asks, kills, freezes and stops, and tells what it saw;
# ends with 0 when all was as the units promise. The edge is the gateway's provider, too.
set -eu

[ $# -eq 2 ] && [ "$(id -u)" = 0 ] || { echo "usage, as root: try-systemd.sh WHEELS ROOT" >&2; exit 1; }
wheels=$(realpath "$1")
root=$(realpath -m "$2")
here=$(cd "$(dirname "$0")" && pwd)
packages=systemd,systemd-sysv,dbus,python3,python3-venv,libgomp1,procps,iproute2,curl
[ -d "$root" ] || mmdebstrap --quiet --variant=minbase --include=$packages bookworm "$root"

systemd-nspawn --quiet -D "$root" -b --register=no --keep-unit --private-network --console=pipe \
    --capability=all --system-call-filter=bpf --bind-ro="$wheels:/mnt/wheels" --bind-ro="$here:/mnt/deploy" \
    --bind-ro="$here/../reference/weights:/mnt/weights" </dev/null >"$root.log" 2>&1 &
nspawn=$!
leader=
for _ in $(seq 60); do
    leader=$(pgrep -P $nspawn -x systemd) && break
    kill -0 $nspawn 2>/dev/null || { cat "$root.log" >&2; exit 1; }
    sleep 0.5
done
trap 'kill $nspawn 2>/dev/null || true; wait $nspawn 2>/dev/null || true' EXIT
sleep 5

nsenter -t "$leader" -m -u -i -n -p -C env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 SYSTEMD_PAGER=cat sh -eus <<'INSIDE'
mount -o remount,bind,rw /sys/fs/cgroup/memory 2>/dev/null || true # of a machine with cgroups of the first kind
systemctl daemon-reexec
leeward=/opt/leeward/bin/leeward
edge="runuser -u leeward-edge -- $leeward edge"
cloud="runuser -u leeward-cloud -- $leeward cloud"
failed=0
must() { # must WHAT COMMAND...: say how it went
    what=$1
    shift
    if "$@"; then echo "ok   $what"; else echo "FAIL $what"; failed=1; fi
}
answers() { curl -sf -m 5 -o /dev/null http://127.0.0.1:8450/v1/models; }
comes_back() { for _ in $(seq 240); do answers && return; sleep 0.5; done; return 1; }
daemon_of() { pgrep -P "$(systemctl show "$1" -p MainPID --value)"; }
ask() {
    curl -sf -m 60 http://127.0.0.1:8450/v1/chat/completions -H 'content-type: application/json' \
        -d '{"model": "leeward/ask-cloud", "messages": [{"role": "user", "content": "Anna Kowalska has 13 plums and eats 6. How many?"}]}' \
        | grep -q '"node":"cloud"'
}

sh /mnt/deploy/install.sh cloud /mnt/wheels
sh /mnt/deploy/install.sh edge /mnt/wheels
cd /etc/leeward
sed -i -e 's|https://api.openai.com/v1|http://127.0.0.1:8450/v1|' -e 's|api_key_env: .*|keyless: true|' \
    -e 's|gpt-4.1-mini|slm-small|' -e 's|128000|1024|' -e 's|gateway.example.org, ||' cloud.yaml
sed -i -e 's|file: slm-small|file: /mnt/weights/tern-m.gguf|' -e 's|8192|1024|' edge.yaml
sed -i -e 's|128000|1024|' -e 's|8192|1024|' catalog.yaml
must "the gateway serves" systemctl restart leeward-cloud
if [ ! -e /var/lib/leeward/edge/identity/device.pem ]; then
    $cloud token --config cloud.yaml --out /var/lib/leeward/cloud/join.json \
        --gateway 127.0.0.1:7443 --enrolment 127.0.0.1:7444
    install -m 0600 -o leeward-edge /var/lib/leeward/cloud/join.json /var/lib/leeward/edge/join.json
    $edge enroll --config edge.yaml --token /var/lib/leeward/edge/join.json
    rm /var/lib/leeward/edge/join.json
fi
must "the edge serves" systemctl restart leeward-edge
for _ in $(seq 60); do ask && break; sleep 1; done
must "a question goes through the gateway" ask
must "nothing runs as root" sh -c '! ps -eo user:20=,cmd= | grep "[/]opt/leeward" | grep -v ^leeward'
must "state is its user's alone" sh -c '[ -z "$(find /var/lib/leeward/* ! -type l -perm /077)" ]'
must "no prompt is in the journal" sh -c '! journalctl | grep -E "Kowalska|plums"'
for unit in leeward-edge leeward-cloud; do systemd-analyze security --no-pager $unit | tail -1; done

kill -9 "$(daemon_of leeward-edge)"
sleep 1
must "killed, it comes back" comes_back
frozen=$(daemon_of leeward-edge)
kill -STOP "$frozen"
for _ in $(seq 120); do kill -0 "$frozen" 2>/dev/null || break; sleep 1; done
must "frozen, it is ended by the watchdog" sh -c 'journalctl -u leeward-edge -o cat | grep -q "Watchdog timeout"'
must "and comes back" comes_back

mkdir -p /run/systemd/system/leeward-edge.service.d
sed 's/192.0.2.10/192.0.2.99/' /mnt/deploy/systemd/only-gateway.conf.example | grep -v localhost \
    >/run/systemd/system/leeward-edge.service.d/only-gateway.conf
systemctl daemon-reload
systemctl restart leeward-edge
must "where only another address is allowed, nobody reaches it, nor it anybody" sh -c '! curl -sf -m 5 http://127.0.0.1:8450/v1/models'
rm -r /run/systemd/system/leeward-edge.service.d
systemctl daemon-reload
systemctl restart leeward-edge
must "and without that it does" comes_back
must "both stop in time" systemctl stop leeward-edge leeward-cloud
must "and in order" [ "$(systemctl show -p Result --value leeward-edge leeward-cloud | sort -u | xargs)" = success ]
poweroff
exit $failed
INSIDE
