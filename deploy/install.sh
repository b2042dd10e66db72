#!/bin/sh
# Installs or upgrades one role on this machine, without a network:
#
#   sh deploy/install.sh edge WHEELS      WHEELS: the folder that `make wheels` fills
#   sh deploy/install.sh cloud WHEELS     WHEELS: `pip download -r cloud.lock`, and leeward's own wheel
#
# A machine that has the other role already is upgraded in both, from a folder with the wheels of both.
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
units=/etc/systemd/system
former=$(readlink "$link" || true)
# One link leads to all that runs here: what has the other role must have it in the new version, too.
roles=$role
for other in edge cloud; do
    [ "$other" = "$role" ] || [ ! -e "$units/leeward-$other.service" ] || roles="$role $other"
done
extras=$(echo "$roles" | tr ' ' ',')
services=$(for each in $roles; do echo "leeward-$each.service"; done | xargs)

restart() {
    for service in "$@"; do systemctl restart "$service" || return 1; done
}

echo "installing leeward $version ($extras) into $target"
[ -x "$target/bin/python" ] || python3 -m venv "$target" || fail "no environment can be made at $target"
"$target/bin/pip" --isolated install --quiet --disable-pip-version-check --no-index --find-links "$wheels" \
    "leeward[$extras]==$version" || fail "not everything that leeward[$extras] needs is in $wheels"
case $roles in *edge*) is_edge=yes ;; *) is_edge=no ;; esac
if [ $is_edge = yes ] && ! "$target/bin/python" -c 'import llama_cpp' 2>/dev/null; then
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
fi
for each in $roles; do
    [ "$is_new $each" = "yes $role" ] || "$target/bin/leeward" "$each" check --config "/etc/leeward/$each.yaml" >/dev/null \
        || fail "version $version cannot use /etc/leeward/$each.yaml; $link is unchanged"
done
before=$(mktemp -d)
trap 'rm -r "$before"' EXIT
for each in $roles; do
    cp "$units/leeward-$each.service" "$before/" 2>/dev/null || true
    install -m 0644 "$here/systemd/leeward-$each.service" "$units/leeward-$each.service"
done
install -D -m 0644 "$here/README.md" /usr/share/doc/leeward/README.md
ln -sfn "$target" "$link.new" && mv -T "$link.new" "$link"

if [ -d /run/systemd/system ]; then
    running=$(for service in $services; do ! systemctl is-active --quiet "$service" || echo "$service"; done | xargs)
    systemctl daemon-reload
    # shellcheck disable=SC2086 # one word for each service
    if ! restart $running; then
        [ -n "$former" ] || fail "a service does not start; see journalctl -u leeward-$role"
        cp "$before"/*.service "$units/"
        ln -sfn "$former" "$link.new" && mv -T "$link.new" "$link"
        systemctl daemon-reload
        # shellcheck disable=SC2086
        restart $running || true
        fail "not everything starts with $version ($running); $link leads to $former again"
    fi
fi

echo "$link leads to $target"
[ -z "$former" ] || [ "$former" = "$target" ] || echo "to go back: ln -sfn $former $link && systemctl restart $services"
if [ "$is_new" = yes ]; then
    echo "next: edit /etc/leeward/$role.yaml, then leeward $role check (see deploy/README.md)"
fi
