#!/bin/sh
# Installs or upgrades one role on this machine, without a network:
#
#   sh deploy/install.sh edge WHEELS      WHEELS: the folder that `make wheels` fills
#   sh deploy/install.sh cloud WHEELS     WHEELS: `pip download -r cloud.lock`, and leeward's own wheel
#
# Run it as root. Every version gets a directory of its own, /opt/leeward-VERSION, and the link
# /opt/leeward leads to the one that runs: going back is the link and a restart. What an
# administrator wrote in /etc/leeward, and all state, stays as it is. A running service is started
# again with the new version; does it not come up, the link goes back. Ends with 0, or 1 and one
# sentence.
set -eu

fail() {
    echo "install: $1" >&2
    exit 1
}

[ $# -eq 2 ] || fail "usage: install.sh edge|cloud WHEELS"
role=$1
wheels=$2
here=$(cd "$(dirname "$0")" && pwd)
link=/opt/leeward
case $role in edge | cloud) ;; *) fail "there is no role '$role'; it is edge or cloud" ;; esac
[ "$(id -u)" = 0 ] || fail "run it as root"
[ -d "$wheels" ] || fail "there is no folder $wheels"
set -- "$wheels"/leeward-*-py3-none-any.whl
[ $# -eq 1 ] && [ -f "$1" ] || fail "$wheels must hold exactly one leeward-VERSION-py3-none-any.whl"
version=$(basename "$1" | cut -d- -f2)
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    || fail "python3 must be 3.11 or newer"
python3 -c 'import ensurepip' 2>/dev/null || fail "python3 -m venv does not work; install python3-venv"
[ ! -e "$link" ] || [ -L "$link" ] || fail "$link is no link; move it away, then install again"

target=$link-$version
unit=leeward-$role.service
former=$(readlink "$link" || true)

echo "installing leeward $version ($role) into $target"
[ -x "$target/bin/python" ] || python3 -m venv "$target" || fail "no environment can be made at $target"
"$target/bin/pip" --isolated install --quiet --disable-pip-version-check --no-index --find-links "$wheels" \
    "leeward[$role]==$version" || fail "not everything that leeward[$role] needs is in $wheels"
if [ "$role" = edge ] && ! "$target/bin/python" -c 'import llama_cpp' 2>/dev/null; then
    fail "llama.cpp cannot be loaded; install libgomp1, or wheels for this processor; $link is unchanged"
fi
"$target/bin/leeward" version >/dev/null || fail "the new version does not start; $link is unchanged"

install -D -m 0644 "$here/systemd/leeward.sysusers.conf" /usr/lib/sysusers.d/leeward.conf
systemd-sysusers leeward.conf || fail "systemd-sysusers could not make the service's user"
install -d -m 0755 /etc/leeward /var/lib/leeward
install -d -m 0700 -o "leeward-$role" -g "leeward-$role" "/var/lib/leeward/$role"
is_new=no
if [ ! -e "/etc/leeward/$role.yaml" ]; then
    is_new=yes
    install -m 0644 "$here/examples/$role.yaml" "/etc/leeward/$role.yaml"
    if [ "$role" = edge ]; then
        [ -e /etc/leeward/policy.yaml ] || install -m 0644 "$here/policies/clinic.yaml" /etc/leeward/policy.yaml
        [ -e /etc/leeward/catalog.yaml ] || install -m 0644 "$here/examples/catalog.yaml" /etc/leeward/catalog.yaml
        [ -e /etc/leeward/graphs ] || cp -r "$here/examples/graphs" /etc/leeward/graphs
    fi
else
    "$target/bin/leeward" "$role" check --config "/etc/leeward/$role.yaml" >/dev/null \
        || fail "version $version cannot use /etc/leeward/$role.yaml; $link is unchanged"
fi
install -m 0644 "$here/systemd/$unit" "/etc/systemd/system/$unit"
ln -sfn "$target" "$link.new" && mv -T "$link.new" "$link"

if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    if systemctl is-active --quiet "$unit" && ! systemctl restart "$unit"; then
        [ -n "$former" ] || fail "$unit does not start; see journalctl -u $unit"
        ln -sfn "$former" "$link.new" && mv -T "$link.new" "$link"
        systemctl restart "$unit" || true
        fail "$unit does not start with $version; $link leads to $former again"
    fi
fi

echo "$link leads to $target"
[ -z "$former" ] || [ "$former" = "$target" ] || echo "to go back: ln -sfn $former $link && systemctl restart $unit"
if [ "$is_new" = yes ]; then
    echo "next: edit /etc/leeward/$role.yaml, then leeward $role check (see deploy/README.md)"
fi
