#include "extension/pg/idempotency.hpp"

#include "extension/pg/settings.hpp"
#include "extension/pg/spi.hpp"

extern "C" {
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace gamelan::pg::idempotency {

namespace {

constexpr std::size_t max_key_bytes = 200;
// To count them takes longer than to write one.
constexpr std::int64_t handles_between_counts = 64;

// The table is nobody's to write but the extension's owner's.
Oid owner_of_keys() {
    const Oid table = get_relname_relid("idempotency_key", get_namespace_oid("game", false));
    const HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
    if (!HeapTupleIsValid(row))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no table game.idempotency_key")));
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relowner;
    ReleaseSysCache(row);
    return owner;
}

void require_sound(const text* key) {
    const std::size_t bytes = VARSIZE_ANY_EXHDR(key);
    if (bytes == 0 || bytes > max_key_bytes)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("an idempotency key has 1 to %zu bytes", max_key_bytes)));
}

[[noreturn]] void reused(const text* key, std::int64_t handle) {
    ereport(ERROR,
            (errcode(MAKE_SQLSTATE('W', 'G', '0', '2', '4')),
             errmsg("the idempotency key \"%s\" was used for another command", text_to_cstring(key)),
             errdetail("That has the handle " INT64_FORMAT "; its action or its arguments differ.", handle)));
    pg_unreachable();
}

void require_room(const spi::Argument& world, const spi::Argument& actor) {
    (void)spi::run("SELECT count(*) FROM (SELECT FROM game.idempotency_key WHERE world = $1 AND actor = $2 "
                   "LIMIT $3) AS k",
                   {world, actor, spi::integer(settings::max_idempotency_keys + 1)});
    if (spi::bigint_at(0, 1) > settings::max_idempotency_keys)
        ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                        errmsg("this role has used too many idempotency keys for the world"),
                        errdetail("The limit is %d.", settings::max_idempotency_keys),
                        errhint("Wait until keys are older than gamelan.keep_idempotency_keys, or raise "
                                "gamelan.max_idempotency_keys.")));
}

} // namespace

std::int64_t claim(std::int64_t world_id, const char* actor, text* key, text* action, Jsonb* arguments,
                   std::int64_t handle) {
    require_sound(key);
    Oid user = InvalidOid;
    int context = 0;
    GetUserIdAndSecContext(&user, &context);
    SetUserIdAndSecContext(owner_of_keys(), context | SECURITY_LOCAL_USERID_CHANGE);
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "could not connect to SPI");
    const spi::Argument world{INT8OID, Int64GetDatum(world_id), false};
    const spi::Argument by{TEXTOID, CStringGetTextDatum(actor), false};
    const spi::Argument called{TEXTOID, PointerGetDatum(key), false};
    const spi::Argument what{TEXTOID, PointerGetDatum(action), false};
    const spi::Argument given{JSONBOID, JsonbPGetDatum(arguments), false};
    const std::uint64_t written = spi::run(
        "INSERT INTO game.idempotency_key AS k (world, actor, key, action, arguments_hash, handle) "
        "VALUES ($1, $2, $3, $4, pg_catalog.sha256(pg_catalog.convert_to($5::text, 'UTF8')), $6) "
        "ON CONFLICT (world, actor, key) DO UPDATE SET action = excluded.action, "
        "arguments_hash = excluded.arguments_hash, handle = excluded.handle, created_at = pg_catalog.now() "
        "WHERE k.created_at < pg_catalog.now() - "
        "pg_catalog.current_setting('gamelan.keep_idempotency_keys')::interval",
        {world, by, called, what, given, spi::bigint(handle)});
    if (written == 0) {
        if (spi::run("SELECT handle, (action = $4 AND arguments_hash = "
                     "pg_catalog.sha256(pg_catalog.convert_to($5::text, 'UTF8')))::int "
                     "FROM game.idempotency_key WHERE world = $1 AND actor = $2 AND key = $3",
                     {world, by, called, what, given}) != 1)
            elog(ERROR, "an idempotency key went away while it was locked");
        handle = spi::bigint_at(0, 1);
        if (spi::integer_at(0, 2) == 0)
            reused(key, handle);
    } else if (handle % handles_between_counts == 0)
        require_room(world, by);
    SPI_finish();
    SetUserIdAndSecContext(user, context);
    return handle;
}

} // namespace gamelan::pg::idempotency
