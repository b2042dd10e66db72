#!/bin/sh
# What try-systemd.sh does within a machine that systemd has booted, as root: install both
# roles by install.sh from /mnt/wheels, enrol the edge at the gateway beside it, ask, kill, freeze,
# stop, and tell what was seen. The edge is the gateway's provider, too; the TPM is one in software.
# Ends with 0 when all was as the units promise.
set -eu

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

# A stranger in the unit's group takes memory until the kernel has to end somebody.
memory=/sys/fs/cgroup/memory
[ -d $memory ] || memory=/sys/fs/cgroup
memory=$memory/system.slice/leeward-edge.service
daemon=$(daemon_of leeward-edge)
engine=$(pgrep -P "$daemon" -f edge.engine.child)
used=$(cat $memory/memory.usage_in_bytes 2>/dev/null || cat $memory/memory.current)
systemctl set-property --runtime leeward-edge MemoryMax=$((used + 16777216))
sh -c "echo \$\$ >$memory/cgroup.procs; exec python3 -c '
import os, time
taken = []
while os.path.exists(\"/proc/$engine\") and len(taken) < 1000:
    taken.append(bytearray(os.urandom(1 << 20)))
    time.sleep(0.01)
'" || true
must "out of memory, the engine is ended, however small" sh -c "! kill -0 $engine 2>/dev/null"
must "and not the daemon" [ "$(daemon_of leeward-edge)" = "$daemon" ]
systemctl set-property --runtime leeward-edge MemoryMax=80%
for _ in $(seq 60); do ask && break; sleep 1; done
must "which starts it again, and answers" ask

# The device enrols again, with keys that only this machine's TPM opens.
new_tpm() {
    [ ! -e /run/tpm.pid ] || kill "$(cat /run/tpm.pid)"
    sleep 1
    rm -rf /run/tpm && mkdir /run/tpm
    swtpm socket --tpm2 --tpmstate dir=/run/tpm --ctrl type=tcp,port=2322 --server type=tcp,port=2321 \
        --flags not-need-init,startup-clear --daemon --pid file=/run/tpm.pid
}
new_tpm
export SYSTEMD_TPM2_DEVICE=swtpm:host=127.0.0.1,port=2321
mkdir -p /run/systemd/system.conf.d
printf '[Manager]\nManagerEnvironment=SYSTEMD_TPM2_DEVICE=%s\n' "$SYSTEMD_TPM2_DEVICE" >/run/systemd/system.conf.d/tpm.conf
systemctl daemon-reexec
printf 'correct horse' | systemd-creds encrypt --with-key=tpm2 --name=identity - /etc/leeward/identity.cred
echo 'identity_passphrase_credential: identity' >>edge.yaml
mkdir -p /run/systemd/system/leeward-edge.service.d
printf '[Service]\nLoadCredentialEncrypted=identity:/etc/leeward/identity.cred\n' >/run/systemd/system/leeward-edge.service.d/tpm.conf
systemctl stop leeward-edge
systemctl daemon-reload
mv /var/lib/leeward/edge/identity /var/lib/leeward/edge/identity-before
$cloud token --config cloud.yaml --out /var/lib/leeward/cloud/join.json --gateway 127.0.0.1:7443 --enrolment 127.0.0.1:7444
install -m 0600 -o leeward-edge /var/lib/leeward/cloud/join.json /var/lib/leeward/edge/join.json
must "it enrols with a credential that the TPM opens" systemd-run --quiet --pipe --wait -p User=leeward-edge -p UMask=0077 \
    -p LoadCredentialEncrypted=identity:/etc/leeward/identity.cred \
    "$leeward" edge enroll --config /etc/leeward/edge.yaml --token /var/lib/leeward/edge/join.json
rm -f /var/lib/leeward/edge/join.json
must "no key lies in clear" sh -c '! grep -rl "BEGIN PRIVATE KEY" /var/lib/leeward/edge/identity && grep -rlq "BEGIN ENCRYPTED PRIVATE KEY" /var/lib/leeward/edge/identity'
must "the edge serves with them" systemctl start leeward-edge
for _ in $(seq 60); do ask && break; sleep 1; done
must "and a question goes through the gateway" ask
must "a command by hand reads them while it runs" sh -c "$edge identity --config edge.yaml | grep -q device-"
systemctl stop leeward-edge
new_tpm
must "with another TPM it does not start" sh -c '! systemctl start leeward-edge 2>/dev/null'
systemctl reset-failed leeward-edge
rm /run/systemd/system/leeward-edge.service.d/tpm.conf
sed -i '/identity_passphrase_credential/d' edge.yaml
rm -r /var/lib/leeward/edge/identity
mv /var/lib/leeward/edge/identity-before /var/lib/leeward/edge/identity
systemctl daemon-reload
must "and without any it does, as before" systemctl start leeward-edge
must "both stop in time" systemctl stop leeward-edge leeward-cloud
must "and in order" [ "$(systemctl show -p Result --value leeward-edge leeward-cloud | sort -u | xargs)" = success ]
exit $failed
