// game.export_world and game.import_world. Contracts: the COMMENTs in extension/sql/57-world-files.sql.
#include "core/codec/world_file.hpp"
#include "extension/pg/checkpoints.hpp"
#include "extension/pg/past.hpp"
#include "extension/pg/private_region.hpp"
#include "extension/pg/reading.hpp"
#include "extension/pg/world_history.hpp"

#include <cstring>

#include "extension/pg/bridge.hpp"
#include "extension/pg/requests.hpp"

namespace {

using namespace gamelan;
using namespace gamelan::pg;

std::string_view view_of(const bytea* bytes) {
    return {VARDATA_ANY(bytes), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(bytes))};
}

// C++ zone.
bytea* palloc_bytea(std::string_view bytes) {
    if (bytes.size() > MaxAllocSize - VARHDRSZ)
        throw Error(sqlstate::queue_full, "the world is too large for a world file",
                    "Its state takes " + std::to_string(bytes.size()) + " bytes, and a value holds 1 GB.",
                    "Save it with pg_dump.");
    auto* out = static_cast<bytea*>(pg_call([&] { return palloc(bytes.size() + VARHDRSZ); }));
    SET_VARSIZE(out, bytes.size() + VARHDRSZ);
    std::memcpy(VARDATA(out), bytes.data(), bytes.size());
    return out;
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_export_world);
PG_FUNCTION_INFO_V1(gamelan_world_file_header);
PG_FUNCTION_INFO_V1(gamelan_write_imported);

PGDLLEXPORT Datum gamelan_export_world(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const text* header = PG_GETARG_TEXT_PP(1);
    const store::WorldSlot slot = requests::require_world(world_id);
    PG_RETURN_BYTEA_P(sql_boundary([&] {
        const ReadPin pin;
        const std::string file = codec::encode_world_file(
            {VARDATA_ANY(header), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(header))},
            past::readable(slot, world_id));
        pin.check();
        return palloc_bytea(file);
    }));
}

PGDLLEXPORT Datum gamelan_world_file_header(PG_FUNCTION_ARGS) {
    const bytea* file = PG_GETARG_BYTEA_PP(0);
    struct Parts {
        std::uint64_t tick;
        const char* header;
    };
    const Parts parts = sql_boundary([&] {
        const codec::WorldFileReader reader(view_of(file));
        return Parts{reader.outline().tick, palloc_text(std::string(reader.header()))};
    });
    TupleDesc row = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &row) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "the function does not return a row");
    Datum values[2] = {Int64GetDatum(static_cast<std::int64_t>(parts.tick)),
                       CStringGetTextDatum(parts.header)};
    bool nulls[2] = {};
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(row, values, nulls)));
}

PGDLLEXPORT Datum gamelan_write_imported(PG_FUNCTION_ARGS) {
    const bytea* file = PG_GETARG_BYTEA_PP(0);
    const std::int64_t world_id = PG_GETARG_INT64(1);
    sql_boundary([&] {
        history::CallersTransaction tables;
        const history::World world = history::find_world(world_id, tables);
        const std::unique_ptr<game::World> rules = make_rules(world.id, world.definition);
        const PrivateRegion region;
        store::WorldStore store =
            store::WorldStore::create(region.region(), region.slot(), rules->layout(), region.limit_units());
        codec::WorldFileReader(view_of(file)).restore(store);
        history::with_tables(tables, "gamelan: writing the state of an imported world",
                             [&] { checkpoints::write_first(store.newest(), world_id); });
    });
    PG_RETURN_VOID();
}

} // extern "C"
