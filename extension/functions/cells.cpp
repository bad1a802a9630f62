// SQL functions that read the published state. Their contracts are the COMMENTs in
// extension/sql/40-reading.sql.
#include "core/grid/geometry.hpp"
#include "core/grid/planet.hpp"
#include "extension/functions/rows.hpp"
#include "extension/pg/definition.hpp"
#include "extension/pg/past.hpp"
#include "extension/pg/reading.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/requests.hpp"

namespace {

using namespace gamelan;
using namespace gamelan::pg;

constexpr std::uint32_t chunk_edge = 16;

struct CellRow {
    std::int64_t id;
    std::uint32_t slot;
    std::uint8_t resource;
    std::uint8_t amount;
    std::int32_t owner;
};

struct PlayerRow {
    std::int32_t number;
    char name[33];
    char actor[65];
    std::int32_t claims;
    std::int64_t score;
};

const grid::Planet& planet_of(store::WorldSlot slot, std::int64_t world_id) {
    const grid::Planet* planet = rules_of(slot, world_id).planet();
    if (planet == nullptr)
        throw Error(sqlstate::undefined_cell, "world " + std::to_string(world_id) + " has no cells");
    return *planet;
}

store::ColumnId column_of(const store::Snapshot& snapshot, std::string_view name) {
    const auto column = snapshot.find_column(name);
    if (!column)
        throw Error(sqlstate::undefined_cell, "the world has no column " + std::string(name));
    return *column;
}

std::vector<CellRow> read_cells(store::WorldSlot slot, std::int64_t world_id, const grid::Planet& planet,
                                std::span<const std::uint32_t> slots) {
    std::vector<CellRow> rows;
    rows.reserve(slots.size());
    const ReadPin pin;
    const store::Snapshot snapshot = past::readable(slot, world_id);
    const store::ColumnId resource = column_of(snapshot, "cell.resource");
    const store::ColumnId amount = column_of(snapshot, "cell.amount");
    const store::ColumnId owner = column_of(snapshot, "cell.owner");
    for (const std::uint32_t cell : slots)
        rows.push_back({planet.cell_id_of(cell), cell, snapshot.get<std::uint8_t>(resource, cell),
                        snapshot.get<std::uint8_t>(amount, cell), snapshot.get<std::int32_t>(owner, cell)});
    pin.check();
    return rows;
}

// `choose` returns the slots to read, given the planet.
template <class F>
Rows<CellRow> select_cells(std::int64_t world_id, F&& choose) {
    const store::WorldSlot slot = requests::require_world(world_id);
    return sql_boundary([&] {
        const grid::Planet& planet = planet_of(slot, world_id);
        const std::vector<std::uint32_t> slots = choose(planet);
        return palloc_rows(read_cells(slot, world_id, planet, slots));
    });
}

Datum return_cells(FunctionCallInfo fcinfo, const Rows<CellRow>& cells) {
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (std::size_t i = 0; i < cells.count; ++i) {
        const CellRow& row = cells.rows[i];
        Datum values[5] = {Int64GetDatum(row.id), Int32GetDatum(static_cast<std::int32_t>(row.slot)),
                           Int32GetDatum(row.resource), Int32GetDatum(row.amount), Int32GetDatum(row.owner)};
        bool nulls[5] = {};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        CHECK_FOR_INTERRUPTS();
    }
    return static_cast<Datum>(0);
}

std::vector<std::uint32_t> all_cells(const grid::Planet& planet) {
    std::vector<std::uint32_t> slots;
    for (std::uint32_t slot = 0; slot < planet.slot_count(); ++slot)
        if (planet.is_cell(slot))
            slots.push_back(slot);
    return slots;
}

std::vector<std::uint32_t> on_layer(const grid::Planet& planet, std::uint32_t layer,
                                    std::vector<std::uint32_t> indexes) {
    for (std::uint32_t& index : indexes)
        index += layer * planet.layer_stride();
    return indexes;
}

std::uint32_t layer_of(const grid::Planet& planet, std::uint32_t slot) {
    return slot / planet.layer_stride();
}

grid::ChunkGrid chunks_of(const grid::Planet& planet) {
    return grid::ChunkGrid(planet.sphere(), std::min(chunk_edge, planet.sphere().frequency()));
}

std::vector<std::uint32_t> cells_of_chunk(const grid::Planet& planet, std::int64_t chunk) {
    const grid::ChunkGrid chunks = chunks_of(planet);
    const grid::DecodedId decoded =
        grid::decode_id(chunks.chunks(), grid::IdKind::chunk, static_cast<std::uint64_t>(chunk));
    if (decoded.fault != grid::IdFault::none)
        throw Error(sqlstate::undefined_cell, "chunk " + std::to_string(chunk) + " does not exist",
                    "The id " + std::string(grid::describe(decoded.fault)) + ".",
                    "game.chunk_of(world, cell) gives the id of the chunk a cell lies in.");
    planet.check_owned(decoded.address, chunk);
    return on_layer(planet, static_cast<std::uint32_t>(decoded.address.layer),
                    chunks.cells_of(decoded.address.index));
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_cells);
PG_FUNCTION_INFO_V1(gamelan_cells_in_chunk);
PG_FUNCTION_INFO_V1(gamelan_cells_in_disc);
PG_FUNCTION_INFO_V1(gamelan_chunk_cells);
PG_FUNCTION_INFO_V1(gamelan_chunk_of);
PG_FUNCTION_INFO_V1(gamelan_players);

PGDLLEXPORT Datum gamelan_cells(PG_FUNCTION_ARGS) {
    if (PG_ARGISNULL(0))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a world must be named")));
    Datum* ids = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    const bool wants_all = PG_ARGISNULL(1);
    if (!wants_all) {
        deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &ids,
                          &nulls, &count);
        for (int i = 0; i < count; ++i)
            if (nulls[i])
                ereport(ERROR,
                        (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a cell id must not be null")));
    }
    return return_cells(fcinfo, select_cells(PG_GETARG_INT64(0), [&](const grid::Planet& planet) {
                            if (wants_all)
                                return all_cells(planet);
                            std::vector<std::uint32_t> slots;
                            for (int i = 0; i < count; ++i)
                                slots.push_back(planet.slot_of(DatumGetInt64(ids[i])));
                            return slots;
                        }));
}

PGDLLEXPORT Datum gamelan_cells_in_disc(PG_FUNCTION_ARGS) {
    const std::int64_t center = PG_GETARG_INT64(1);
    const std::int32_t radius = PG_GETARG_INT32(2);
    if (radius < 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a radius must not be negative")));
    return return_cells(fcinfo, select_cells(PG_GETARG_INT64(0), [&](const grid::Planet& planet) {
                            const std::uint32_t slot = planet.slot_of(center);
                            return on_layer(planet, layer_of(planet, slot),
                                            grid::disc(planet.sphere(), slot % planet.layer_stride(),
                                                       static_cast<std::uint32_t>(radius),
                                                       planet.sphere().cell_count()));
                        }));
}

PGDLLEXPORT Datum gamelan_cells_in_chunk(PG_FUNCTION_ARGS) {
    const std::int64_t chunk = PG_GETARG_INT64(1);
    return return_cells(fcinfo, select_cells(PG_GETARG_INT64(0), [&](const grid::Planet& planet) {
                            return cells_of_chunk(planet, chunk);
                        }));
}

PGDLLEXPORT Datum gamelan_chunk_cells(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const std::int64_t chunk = PG_GETARG_INT64(1);
    const store::WorldSlot slot = requests::require_world(world_id);
    const Rows<std::int64_t> cells = sql_boundary([&] {
        const grid::Planet& planet = planet_of(slot, world_id);
        std::vector<std::int64_t> ids;
        for (const std::uint32_t cell : cells_of_chunk(planet, chunk))
            ids.push_back(planet.cell_id_of(cell));
        return palloc_rows(ids);
    });
    return return_bigints(fcinfo, cells);
}

PGDLLEXPORT Datum gamelan_chunk_of(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const std::int64_t cell = PG_GETARG_INT64(1);
    const store::WorldSlot slot = requests::require_world(world_id);
    PG_RETURN_INT64(sql_boundary([&] {
        const grid::Planet& planet = planet_of(slot, world_id);
        const std::uint32_t cell_slot = planet.slot_of(cell);
        const grid::ChunkGrid chunks = chunks_of(planet);
        const auto layer = static_cast<std::int32_t>(layer_of(planet, cell_slot));
        const std::uint32_t chunk = chunks.chunk_of(cell_slot % planet.layer_stride());
        return static_cast<std::int64_t>(
            grid::encode_id(chunks.chunks(), grid::IdKind::chunk, {planet.world(), layer, chunk}));
    }));
}

PGDLLEXPORT Datum gamelan_players(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const store::WorldSlot slot = requests::require_world(world_id);
    const Rows<PlayerRow> players = sql_boundary([&] {
        const std::optional<store::SpaceId> space = rules_of(slot, world_id).player_space();
        std::vector<PlayerRow> rows;
        if (space) {
            const ReadPin pin;
            const store::Snapshot snapshot = past::readable(slot, world_id);
            for (std::uint32_t i = 0; i < snapshot.slot_count(*space); ++i) {
                PlayerRow row{static_cast<std::int32_t>(i + 1),
                              {},
                              {},
                              snapshot.get<std::int32_t>(column_of(snapshot, "player.claims"), i),
                              snapshot.get<std::int64_t>(column_of(snapshot, "player.score"), i)};
                strlcpy(row.name, snapshot.get_text(column_of(snapshot, "player.name"), i).c_str(),
                        sizeof row.name);
                strlcpy(row.actor, snapshot.get_text(column_of(snapshot, "player.actor"), i).c_str(),
                        sizeof row.actor);
                rows.push_back(row);
            }
            pin.check();
        }
        return palloc_rows(rows);
    });
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (std::size_t i = 0; i < players.count; ++i) {
        const PlayerRow& row = players.rows[i];
        Datum values[5] = {Int32GetDatum(row.number), CStringGetTextDatum(row.name),
                           CStringGetTextDatum(row.actor), Int32GetDatum(row.claims),
                           Int64GetDatum(row.score)};
        bool nulls[5] = {};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return static_cast<Datum>(0);
}

} // extern "C"
