#!/bin/sh
# Tries both units under a real systemd, in a container of systemd-nspawn without a network:
#
#   sh deploy/try-systemd.sh WHEELS ROOT     WHEELS: the wheels of both roles in one folder
#                                            ROOT: a folder for the root filesystem; made once, by mmdebstrap
#
# Run it as root, with the packages systemd-container and mmdebstrap. What is tried, and told, is in
# try-units.sh; ends with 0 when all was as the units promise.
set -eu

[ $# -eq 2 ] && [ "$(id -u)" = 0 ] || { echo "usage, as root: try-systemd.sh WHEELS ROOT" >&2; exit 1; }
wheels=$(realpath "$1")
root=$(realpath -m "$2")
here=$(cd "$(dirname "$0")" && pwd)
packages=systemd,systemd-sysv,dbus,python3,python3-venv,libgomp1,procps,iproute2,curl
packages=$packages,swtpm,libtss2-esys-3.0.2-0,libtss2-rc0,libtss2-tcti-swtpm0
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
code=0
sh /mnt/deploy/try-units.sh || code=$?
poweroff
exit $code
INSIDE
