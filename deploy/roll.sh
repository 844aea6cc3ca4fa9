#!/bin/sh
# Replaces all replicas of the service behind the proxy, one after the other, by containers of the image that is there now:
#   docker compose -f deploy/compose.yaml build service && sh deploy/roll.sh
# COMPOSE is the command, where it is not docker compose: docker-compose, or one with options.
set -eu
cd "$(dirname "$0")"
compose=${COMPOSE:-docker compose}
export PORT=0 GRPC_PORT=0

health() { docker inspect --format '{{.State.Health.Status}}' "$1"; }

old=$($compose ps --quiet service)
more=$(($(echo "$old" | wc -l) + 1))
for replica in $old; do
    before=$($compose ps --quiet service)
    $compose up --detach --no-deps --no-build --no-recreate --scale "service=$more" service
    new=$($compose ps --quiet service | grep -vF "$before")
    until [ "$(health "$new")" = healthy ]; do
        [ "$(health "$new")" != unhealthy ] || { echo "$new is not healthy; the others stay as they are." >&2; exit 1; }
        sleep 1
    done
    docker stop "$replica"
    docker rm "$replica"
done
