#!/usr/bin/env bash
# Runs the Functions host (the arguments) and stops it as Kubernetes asks: SIGTERM drains it, then ends it. The image's
# own start script is a shell that does not hand SIGTERM on, so its host would be killed with messages in its hands.
set -euo pipefail

here=$(dirname "${BASH_SOURCE[0]}")

# The host's master key, which drain.py sends: made here where the chart mounts no Secret, so that no two pods share one.
key=${HOST_MASTER_KEY_FILE:-/run/secrets/functions-keys/host.master}
if [[ -w $(dirname "$key") && ! -e $key ]]; then
    (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "$key")
fi

# Secrets of a Key Vault that the chart mounts: a file is a variable of the same name. Not variables of the pod, because
# KEDA would read them from a Secret that the CSI driver deletes when the last pod goes, and start no pod again.
for file in "${KEY_VAULT_FOLDER:-/run/secrets/keyvault}"/*; do
    name=${file##*/}
    if [[ $name =~ ^[A-Z][A-Z0-9_]*$ ]]; then
        value=$(< "$file")
        export "$name=$value"
    fi
done

"$@" &
host=$!

stopping=false
# shellcheck disable=SC2329  # the trap below calls it
stop() {
    stopping=true
    trap '' TERM INT
    "$here/drain.py" || echo "stopping without a drain: what is under way is delivered again" >&2
    kill -TERM "$host" 2>/dev/null || true
}
trap stop TERM INT

# `wait` returns above 128 as soon as a trap has run, whether the host has ended or not; the second one gives the
# host's own status, also of a host that ended meanwhile.
status=0
wait "$host" || status=$?
if "$stopping"; then
    status=0
    wait "$host" || status=$?
fi
exit "$status"
