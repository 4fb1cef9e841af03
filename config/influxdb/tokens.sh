#!/bin/sh
# Run by the container image of InfluxDB when it has set itself up, before anybody else can reach it:
# makes a token that only writes, for stadspuls, and one that only reads, for Grafana.
set -eu
umask 077

# After a failure the image empties its database and sets itself up again at the next start. It cannot as long as
# its client remembers the one that is gone.
trap '[ "$?" -eq 0 ] || rm -f "${INFLUX_CONFIGS_PATH:?}"' EXIT

# Whose it is, and what it may do with the bucket.
make_token() {
    token=$(influx auth create --json \
        --org "$DOCKER_INFLUXDB_INIT_ORG" \
        --description "$1" \
        "$2" "$DOCKER_INFLUXDB_INIT_BUCKET_ID" |
        sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
    if [ -z "$token" ]; then
        echo "tokens.sh: InfluxDB has made no token for $1" >&2
        exit 1
    fi
    folder="${TOKENS_DIR:-/tokens}/$1"
    printf '%s\n' "$token" >"$folder/influxdb-token.partial"
    mv "$folder/influxdb-token.partial" "$folder/influxdb-token"
}

make_token stadspuls --write-bucket
make_token grafana --read-bucket
