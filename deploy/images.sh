#!/usr/bin/env bash
# Builds, tags and pushes the images; `make images` runs it. Settings come from the environment:
#   REGISTRY     registry.azurecr.io, or anything that docker can push to (required)
#   TAG          tag of the images (required)
#   BUILDER      docker or acr; default: docker if it is there, else acr if az is
#   IMAGE_PYTHON the Python of the images, 3.13 (default) or 3.14: that of the base image and of the lock files
#   BASE_DIGEST  sha256:… of the base image; default: what its registry says of its tag now. All images get the same
#   POOLS        runner pools with a lock file of their own, requirements/pool-<pool>.txt
#   DRY_RUN      not empty: only print the commands
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${IMAGE_PYTHON:-3.13}
base=mcr.microsoft.com/azure-functions/python:4-python$python

die() {
    echo "make images: $*" >&2
    exit 2
}

run() {
    printf '+ %s\n' "$*"
    [[ -n ${DRY_RUN:-} ]] || "$@"
}

find_builder() {
    if command -v docker > /dev/null; then
        echo docker
    elif command -v az > /dev/null; then
        echo acr
    fi
}

# The digest that the base's registry has for its tag.
find_digest() {
    local repository=${base#*/} name value
    while IFS=': ' read -r name value; do
        if [[ ${name,,} == docker-content-digest ]]; then
            echo "${value%$'\r'}"
        fi
    done < <(curl --fail --silent --head --header 'Accept: application/vnd.docker.distribution.manifest.list.v2+json' \
        --header 'Accept: application/vnd.oci.image.index.v1+json' \
        "https://${base%%/*}/v2/${repository%:*}/manifests/${repository#*:}" || true)
}

# build NAME TARGET [docker build argument…]
build() {
    local image=$1:$TAG target=$2
    shift 2
    local arguments=(--target "$target" --file Dockerfile --platform linux/amd64 "$@" --build-arg "VERSION=$TAG"
        --build-arg "REVISION=$revision" --build-arg "PYTHON=$python" --build-arg "BASE_IMAGE=$base@$digest")
    if [[ $builder == docker ]]; then
        run docker build "${arguments[@]}" --tag "$REGISTRY/$image" .
        run docker push "$REGISTRY/$image"
    else
        local folder=${REGISTRY#"${REGISTRY%%/*}"}
        folder=${folder#/}
        run az acr build "${arguments[@]}" --registry "${REGISTRY%%/*}" --image "${folder:+$folder/}$image" .
    fi
}

[[ -n ${REGISTRY:-} ]] || die "say where to push: REGISTRY=<name>.azurecr.io"
[[ -n ${TAG:-} ]] || die "say which tag: TAG=1.0.0"
[[ -f requirements/predict-$python.txt ]] || die "no image has Python $python: IMAGE_PYTHON is 3.13 or 3.14"
[[ ${BASE_DIGEST:-sha256:} == sha256:* ]] || die "BASE_DIGEST begins with sha256:, not $BASE_DIGEST"
builder=${BUILDER:-$(find_builder)}
case $builder in
    docker | acr) ;;
    "") die "neither docker nor az is on the PATH; the images can be built with either" ;;
    *) die "BUILDER is docker or acr, not $builder" ;;
esac
pools=()
read -ra pools <<< "${POOLS:-}"
for pool in "${pools[@]}"; do
    [[ -f requirements/pool-$pool.txt ]] || die "pool $pool has no requirements/pool-$pool.txt"
done
digest=${BASE_DIGEST:-}
if [[ -z $digest ]]; then
    if [[ -n ${DRY_RUN:-} ]]; then digest="sha256:<digest>"; else digest=$(find_digest); fi
fi
[[ $digest == sha256:* ]] || die "the registry does not say the digest of $base: BASE_DIGEST=sha256:…"
revision=$(git rev-parse HEAD 2> /dev/null || echo unknown)

for target in predict train run-model; do
    build "mlflow-ondemand-$target" "$target"
done
for pool in "${pools[@]}"; do
    build "mlflow-ondemand-run-model-$pool" run-model --build-arg "REQUIREMENTS=requirements/pool-$pool.txt"
done
