#!/bin/sh
# Builds both images and runs them: the edge alone, then edge and gateway as the compose file says.
#
#   sh deploy/try-images.sh FOLDER     FOLDER: for images, layers and the trial's files; kept, so that
#                                      a second try is quick; `rm -r` it when you are done
#
# Run it as root, with the packages podman, crun, netavark, aardvark-dns, catatonit, iproute2, curl and
# mmdebstrap, and podman-compose from 1.1 on (pip install podman-compose). Building needs Debian's
# and Python's registries; $BUILD_OPTIONS goes to `podman build` (a proxy's certificate, a folder of
# packages). The base image is a Debian made here, under the name that the container files ask for.
# Everything runs in namespaces of its own: no port of this machine is taken, nothing outside can be
# reached. Ends with 0 when all was as it should be. The gateway's provider is the edge that was
# tried alone.
set -eu

[ $# -eq 1 ] && [ "$(id -u)" = 0 ] || { echo "usage, as root: try-images.sh FOLDER" >&2; exit 1; }
podman-compose --profile setup version >/dev/null 2>&1 \
    || { echo "try-images: install podman-compose 1.1 or newer: pip install podman-compose" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(realpath "$1")
base=$(sed -n 's/^FROM \([^ ]*\) AS build$/\1/p' "$here/containers/edge.Containerfile")

cat >"$folder/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$folder/storage"
runroot = "$folder/run"
END
cat >"$folder/containers.conf" <<END
[containers]
default_ulimits = ["nofile=8192:8192", "nproc=8192:8192"]
[engine]
tmp_dir = "$folder/run/libpod"
[network]
network_backend = "netavark"
network_config_dir = "$folder/networks"
END
export CONTAINERS_STORAGE_CONF="$folder/storage.conf" CONTAINERS_CONF="$folder/containers.conf"

podman image exists "$base" \
    || mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates \
        --customize-hook='ln -s python3 "$1/usr/bin/python"' bookworm - | podman import --quiet - "$base"
echo "building both images, llama.cpp's compilation included (once, ten minutes or more); see $folder/build-*.log" >&2
for role in cloud edge; do
    # shellcheck disable=SC2086 # several options
    podman build --isolation chroot --layers --pull-never ${BUILD_OPTIONS:-} -t "leeward-$role" \
        -f "$here/containers/$role.Containerfile" "$here/.." >"$folder/build-$role.log" 2>&1 \
        || { tail -5 "$folder/build-$role.log" >&2; exit 1; }
done

trial=$folder/trial
rm -rf "$trial"
mkdir -p "$trial"
cp -r "$here" "$trial/deploy"
cp -rL "$here/../reference/weights" "$trial/"
chmod -R a+rX "$trial"
umount "$folder/storage/overlay" 2>/dev/null || true # podman leaves it mounted on itself
exec unshare --mount --net --pid --fork --kill-child --mount-proc sh "$here/try-images-inside.sh" "$trial"
