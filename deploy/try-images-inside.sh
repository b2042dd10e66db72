#!/bin/sh
# The part of try-images.sh that runs in namespaces of its own. Its folder holds the trial's files.
set -eu

trial=$1
leeward=/opt/leeward/bin/leeward
config=/etc/leeward/edge.yaml
question='A shelf of Omar Bennett holds 5 boxes of 7 bulbs. Then 2 boxes of 7 bulbs arrive. How many bulbs are there now?'
key=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
failed=0
cd "$trial/deploy/compose"
# Podman's own notes of what runs end with these namespaces.
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs "$trial/../run"
# A control group of the second kind beside one of the first: crun refuses the two together.
umount /sys/fs/cgroup/unified 2>/dev/null || true
ip link set lo up

must() { # must WHAT COMMAND...: say how it went
    what=$1
    shift
    if "$@" >"$trial/last" 2>&1 </dev/null; then
        echo "ok   $what"
    else
        echo "FAIL $what"
        sed 's/^/     /' "$trial/last"
        failed=1
    fi
}
need() { must "$@"; [ $failed = 0 ] || exit 1; } # the rest makes no sense without it
must_not() { what=$1; shift; must "$what" fails "$@"; }
fails() { ! "$@"; }
wait_for() { for _ in $(seq 120); do "$@" && return; sleep 1; done; return 1; }
compose() { podman-compose -p leeward "$@" </dev/null; }
ask() { # ask PORT MODEL KEY
    curl -sS --fail-with-body -m 60 "http://127.0.0.1:$1/v1/chat/completions" -H "authorization: Bearer $3" -H 'content-type: application/json' \
        -d "{\"model\": \"$2\", \"messages\": [{\"role\": \"user\", \"content\": \"$question\"}]}"
}
is_right() { # is_right NODE: whether that answered, and rightly
    cat >"$trial/answer"
    grep -q 'Answer: 49' "$trial/answer" && grep -q "\"node\":\"$1\"" "$trial/answer" || { cat "$trial/answer"; return 1; }
}
clean() {
    compose down -v -t 1
    podman rm -f -t 1 --all
    podman volume prune -f
    podman network prune -f
} >/dev/null 2>&1
trap clean EXIT
clean || true

# What is in the images.
for role in cloud edge; do
    bytes=$(podman image inspect -f '{{.Size}}' "leeward-$role")
    in_image="podman run --rm --network none --entrypoint /bin/sh leeward-$role -euc"
    must "leeward-$role runs as 10001" $in_image '[ "$(id -u)" = 10001 ]'
    must "leeward-$role has $((bytes / 1000000)) MB, at most 800" [ "$bytes" -lt 800000000 ]
    must_not "leeward-$role holds no compiler" $in_image 'command -v cc || command -v c++ || command -v make || command -v cmake'
    must_not "leeward-$role holds no installer" $in_image 'ls /opt/leeward/bin/pip*'
done
holds() { podman run --rm --network none --entrypoint /opt/leeward/bin/python "leeward-$1" -c "import $2"; }
must "the edge's holds llama_cpp" holds edge llama_cpp
must "the gateway's holds openai" holds cloud openai
for module in setuptools openai sqlalchemy cloud.app optimizer.cli; do must_not "the edge's holds no $module" holds edge $module; done
for module in setuptools llama_cpp onnxruntime numpy edge.app optimizer.cli; do must_not "the gateway's holds no $module" holds cloud $module; done

# The edge alone, locked down as the compose file does it.
mkdir "$trial/alone"
sed -e 's/^gateway: .*/gateway: null/' -e 's|file: slm-small|file: /weights/tern-m.gguf|' -e 's/8192/1024/' \
    -e 's/ask-cloud/ask-edge/' edge.yaml >"$trial/alone/edge.yaml"
sed -i -e 's/128000/1024/' -e 's/8192/1024/' ../examples/catalog.yaml
# Podman asks for more open files and processes than a machine without CAP_SYS_RESOURCE may give.
limits="--ulimit core=0 --ulimit nofile=8192 --ulimit nproc=8192"
sed -i 's/ulimits: {core: 0}/ulimits: {core: 0, nofile: 8192, nproc: 8192}/' compose.yaml
podman network create leeward_fleet >/dev/null
alone="--init --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges $limits --pids-limit 512
    --network leeward_fleet -v provider-state:/var/lib/leeward -v $trial/weights:/weights:ro -v $trial/alone/edge.yaml:$config:ro
    -v $trial/deploy/examples/catalog.yaml:/etc/leeward/catalog.yaml:ro -v $trial/deploy/policies/clinic.yaml:/etc/leeward/policy.yaml:ro
    -v $trial/deploy/examples/graphs/ask-edge.yaml:/etc/leeward/graphs/ask-edge.yaml:ro"
in_edge="podman exec provider"
answers_alone() { ask 8451 leeward/ask-edge "$key" | is_right edge; }
refuses_strangers() { ask 8451 leeward/ask-edge wrong 2>&1 | grep 401; }
nobody_is_root() { ! podman top provider huser | tail -n +2 | grep -v '^10001$'; }
state_is_closed() { [ -z "$($in_edge find /var/lib/leeward -mindepth 1 ! -type l -perm /077)" ]; }
need "the edge is given a key" podman run --rm $alone --entrypoint /bin/sh leeward-edge -euc "umask 077; echo $key >/var/lib/leeward/http-token"
need "its configuration is sound" podman run --rm $alone leeward-edge edge check --config $config
need "it starts" podman run -d --name provider $alone -p 127.0.0.1:8451:8450 leeward-edge
need "it serves" wait_for $in_edge $leeward edge status --config $config
must "its doctor finds nothing" $in_edge $leeward edge doctor --config $config
must "it answers over HTTP" answers_alone
must "but nobody without the key" refuses_strangers
must "it answers over gRPC" $in_edge $leeward ask "$question" --graph ask-edge
must "nothing in it is root" nobody_is_root
must_not "it cannot write beside its state" $in_edge /bin/sh -c 'touch /opt/x || touch /etc/x || touch /var/x || touch /home/x'
must "its state is its user's alone" state_is_closed
must "it stops in time" timeout 20 podman stop -t 30 provider
must "and in order" [ "$(podman inspect -f '{{.State.ExitCode}}' provider)" = 0 ]
need "it starts again" podman start provider
must "and answers" wait_for answers_alone

# Both, as the compose file's first lines say, with that edge as the provider.
sed -i -e 's|https://api.openai.com/v1|http://provider:8450/v1\n    clear_text: true|' -e 's/gpt-4.1-mini/slm-small/' -e 's/128000/1024/' cloud.yaml
sed -i -e 's/8192/1024/' edge.yaml
export OPENAI_API_KEY="$key"
healthy() { [ "$(podman healthcheck run "leeward_$1_1" >/dev/null && echo yes)" = yes ]; }
is_locked() {
    podman exec "$1" /bin/sh -euc 'grep -x "CapEff:.0*" /proc/1/status; grep -x "NoNewPrivs:.1" /proc/1/status
        [ "$(ulimit -c)" = 0 ]; [ "$(id -u)" = 10001 ]; ! touch /opt/x'
}
answers() { ask 8450 leeward/ask-cloud "$(compose_token)" | is_right cloud; }
came_back() { [ "$(podman inspect -f '{{.RestartCount}} {{.State.Running}}' leeward_edge_1)" = "1 true" ]; }
compose_token() { podman exec leeward_edge_1 cat /var/lib/leeward/http-token; }
need "compose starts the gateway" compose up -d gateway
need "the gateway is healthy" wait_for healthy gateway
need "the gateway makes a token" compose --profile setup run --rm token
need "the edge enrols" compose --profile setup run --rm enrol
need "the edge takes a model" compose --profile setup run --rm -v "$trial/weights:/weights:ro" pull /weights/tern-m.gguf --name slm-small
need "compose starts the edge" compose up -d edge
must "the edge is healthy" wait_for healthy edge
must "a question goes through both" wait_for answers
for role in gateway edge; do must "the $role is locked down" is_locked leeward_${role}_1; done
began=$(podman inspect -f '{{.State.StartedAt}}' leeward_gateway_1)
must "the gateway is started again" compose restart gateway
must_not "which it is" [ "$(podman inspect -f '{{.State.StartedAt}}' leeward_gateway_1)" = "$began" ]
must "and a question goes through both" wait_for answers
kill -9 "$(pgrep -P "$(podman inspect -f '{{.State.Pid}}' leeward_edge_1)")"
must "its process killed, the edge comes back" wait_for came_back
must "and a question goes through both" wait_for answers
for name in gateway edge; do podman logs "leeward_${name}_1"; done >"$trial/logs" 2>&1
must "they tell what happened" grep -q edge_serving "$trial/logs"
must_not "and hold no prompt" grep -E 'Bennett|bulbs' "$trial/logs"
must "both stop" compose stop -t 30
exit $failed
