#!/bin/bash
# Makes the cluster, the database and a first world in an empty volume, then becomes Postgres.
#   GAMELAN_GATEWAY_PASSWORD_FILE   file with the password of the login role `gateway` (required the first time)
set -euo pipefail

data=/var/lib/gamelan/data
marker=/var/lib/gamelan/ready

prepare() {
    local socket=/tmp/prepare password
    password=$(<"${GAMELAN_GATEWAY_PASSWORD_FILE:?names no file with the password of the role gateway}")
    rm -rf "$data" # of an attempt that was cut off
    mkdir -p "$socket"
    initdb -D "$data" --username=gamelan --encoding=UTF8 --locale=C.UTF-8 --data-checksums \
        --auth-local=trust --auth-host=scram-sha-256
    cat >>"$data/postgresql.conf" <<'END'
listen_addresses = '*'
shared_preload_libraries = 'gamelan'
wal_compression = lz4
default_toast_compression = lz4
END
    echo 'host gamelan gateway all scram-sha-256' >>"$data/pg_hba.conf"
    pg_ctl -D "$data" -w -o "-c listen_addresses= -k $socket" start
    createdb -h "$socket" -U gamelan gamelan
    psql -X -v ON_ERROR_STOP=1 -v password="$password" -h "$socket" -U gamelan -d gamelan <<'END'
CREATE EXTENSION gamelan;
CREATE ROLE gateway LOGIN PASSWORD :'password' IN ROLE gamelan_gateway;
SELECT game.create_world(name => 'first light', game => 'hexfactory', tick_rate => 20,
                         config => '{"frequency": 64, "layers": 1}') AS world \gset
SELECT game.start_world(:world);
END
    pg_ctl -D "$data" -w -m fast stop
    touch "$marker"
}

[[ -f $marker ]] || prepare
exec postgres -D "$data" "$@"
