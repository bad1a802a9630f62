#include "bgworker/world_log.hpp"

#include "core/game/schema_game.hpp"

#include "extension/pg/json_input.hpp"

#include <cstring>

#include "extension/pg/bridge.hpp"
#include "extension/pg/catalog_definition.hpp"
#include "extension/pg/event_rows.hpp"
#include "extension/pg/spi.hpp"
#include "extension/pg/subtransaction.hpp"

namespace gamelan::worker {

namespace {

namespace spi = pg::spi;

// A column of an unnest(), built from one member of each row.
template <class Row, class F>
spi::Argument column(Oid type, const std::vector<Row>& rows, F&& element) {
    auto* elements = static_cast<spi::Argument*>(palloc((rows.size() + 1) * sizeof(spi::Argument)));
    for (std::size_t i = 0; i < rows.size(); ++i)
        elements[i] = element(rows[i]);
    return spi::array(type, elements, rows.size());
}

spi::Argument unsigned_bigint(std::uint64_t value) {
    return spi::bigint(static_cast<std::int64_t>(value));
}

spi::Argument optional_text(const std::string& value) {
    return value.empty() ? spi::null_of(TEXTOID) : spi::text(value);
}

} // namespace

void TurnLog::write() const {
    if (!ticks_.empty())
        write_ticks();
    if (!heads_.empty())
        write_heads();
    if (!events_.empty())
        write_events();
    if (!event_rows_.empty())
        write_event_rows();
    if (!conflicts_.empty())
        write_conflicts();
    if (!consumed_.empty())
        write_consumed();
    if (!system_errors_.empty() || !suspensions_.empty())
        write_system_errors();
}

void TurnLog::write_ticks() const {
    spi::run("INSERT INTO game.tick_log (world, tick, commands, state_hash, row_hash) "
             "SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[])",
             {column(INT8OID, ticks_, [](const Tick& t) { return spi::bigint(t.world_id); }),
              column(INT8OID, ticks_, [](const Tick& t) { return unsigned_bigint(t.row.tick); }),
              column(BYTEAOID, ticks_, [](const Tick& t) { return spi::bytes(t.row.commands); }),
              column(INT8OID, ticks_,
                     [](const Tick& t) {
                         return t.row.state_hash ? unsigned_bigint(*t.row.state_hash) : spi::null_of(INT8OID);
                     }),
              column(INT8OID, ticks_, [](const Tick& t) { return unsigned_bigint(t.row.row_hash); })});
}

// A key over all partitions of game.tick_log there is not; that each tick is logged once rests on this row,
// of which there is one: whoever writes the log moves it on, and does so from where it stood.
void TurnLog::write_heads() const {
    const std::uint64_t moved = spi::run(
        "UPDATE game.world_head AS h SET tick = u.tick, log_tick = u.log_tick, row_hash = u.row_hash, "
        "checksum = u.checksum, updated_at = now() "
        "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) AS "
        "u(world, tick, log_tick, row_hash, checksum) "
        "WHERE h.world = u.world AND (h.log_tick < u.log_tick OR (h.log_tick = u.log_tick AND h.row_hash = "
        "u.row_hash))",
        {column(INT8OID, heads_, [](const Head& h) { return spi::bigint(h.world_id); }),
         column(INT8OID, heads_, [](const Head& h) { return unsigned_bigint(h.tick); }),
         column(INT8OID, heads_, [](const Head& h) { return unsigned_bigint(h.log_tick); }),
         column(INT8OID, heads_, [](const Head& h) { return unsigned_bigint(h.row_hash); }),
         column(INT8OID, heads_, [](const Head& h) {
             return unsigned_bigint(pg::head_checksum(h.world_id, h.tick, h.log_tick, h.row_hash));
         })});
    if (moved != heads_.size())
        ereport(ERROR, (errcode(ERRCODE_UNIQUE_VIOLATION),
                        errmsg("somebody else has moved the head of a world, or removed it")));
}

void TurnLog::write_events() const {
    spi::run(
        "INSERT INTO game.event (world, tick, ordinal, kind, actor, entity, payload, cause, handle) "
        "SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::text[], $5::text[], $6::bigint[], "
        "$7::jsonb[], $8::text[], $9::bigint[])",
        {column(INT8OID, events_, [](const Event& e) { return spi::bigint(e.world_id); }),
         column(INT8OID, events_, [](const Event& e) { return unsigned_bigint(e.tick); }),
         column(INT4OID, events_, [](const Event& e) { return spi::integer(e.ordinal); }),
         column(TEXTOID, events_, [](const Event& e) { return spi::text(e.event.event.kind); }),
         column(TEXTOID, events_, [](const Event& e) { return optional_text(e.event.actor); }),
         column(INT8OID, events_,
                [](const Event& e) {
                    return e.event.event.entity ? spi::bigint(*e.event.event.entity) : spi::null_of(INT8OID);
                }),
         column(JSONBOID, events_, [](const Event& e) { return spi::json(e.event.event.payload); }),
         column(TEXTOID, events_, [](const Event& e) { return optional_text(e.event.event.cause); }),
         column(INT8OID, events_, [](const Event& e) {
             return e.event.handle > 0 ? spi::bigint(e.event.handle) : spi::null_of(INT8OID);
         })});
}

// Nothing of a table's own can refuse them: the kernel has asked its constraints. But somebody may have
// changed or dropped it since it was compiled.
void TurnLog::write_event_rows() const {
    for (const TableRows& told : event_rows_)
        try {
            pg::in_subtransaction(
                [&] { pg::append_event_rows(told.game, told.world_id, told.tick, told.rows); });
        } catch (const Error& error) {
            spi::run("SELECT game._note_system_error($1, $2, $3, $4, $5, $6, $7, $8)",
                     {spi::bigint(told.world_id), spi::text(told.rows.system), unsigned_bigint(told.tick),
                      spi::text(error.code()),
                      spi::text("rows of the table " + told.rows.table + " are lost: " + error.message()),
                      optional_text(error.detail()), spi::null_of(INT4OID), spi::null_of(INT8OID)});
        }
}

namespace {

// What game.conflict calls it.
std::string_view name_of(const game::Command& command) {
    return command.kind == game::CommandKind::writes ? std::string_view("write") : command.action;
}

} // namespace

void TurnLog::write_conflicts() const {
    spi::run("INSERT INTO game.conflict (world, handle, tick, session, actor, action, sqlstate, message, "
             "detail, hint) "
             "SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], "
             "$6::text[], $7::text[], "
             "$8::text[], $9::text[], $10::text[])",
             {column(INT8OID, conflicts_, [](const Conflict& c) { return spi::bigint(c.world_id); }),
              column(INT8OID, conflicts_, [](const Conflict& c) { return spi::bigint(c.command.handle); }),
              column(INT8OID, conflicts_, [](const Conflict& c) { return unsigned_bigint(c.tick); }),
              column(TEXTOID, conflicts_, [](const Conflict& c) { return spi::text(c.session); }),
              column(TEXTOID, conflicts_, [](const Conflict& c) { return spi::text(c.command.actor); }),
              column(TEXTOID, conflicts_, [](const Conflict& c) { return spi::text(name_of(c.command)); }),
              column(TEXTOID, conflicts_, [](const Conflict& c) { return spi::text(c.error.code()); }),
              column(TEXTOID, conflicts_, [](const Conflict& c) { return spi::text(c.error.message()); }),
              column(TEXTOID, conflicts_, [](const Conflict& c) { return optional_text(c.error.detail()); }),
              column(TEXTOID, conflicts_, [](const Conflict& c) { return optional_text(c.error.hint()); })});
}

void TurnLog::write_consumed() const {
    spi::run("DELETE FROM game.inbox WHERE id = ANY ($1)",
             {column(INT8OID, consumed_, [](std::int64_t id) { return spi::bigint(id); })});
}

void TurnLog::write_system_errors() const {
    for (const SystemError& e : system_errors_)
        spi::run("SELECT game._note_system_error($1, $2, $3, $4, $5, $6, $7, $8)",
                 {spi::bigint(e.world_id), spi::text(e.system), unsigned_bigint(e.tick),
                  spi::text(e.error.code()), spi::text(e.error.message()), optional_text(e.error.detail()),
                  e.statement > 0 ? spi::integer(e.statement) : spi::null_of(INT4OID),
                  e.entity ? unsigned_bigint(*e.entity) : spi::null_of(INT8OID)});
    for (const Suspension& s : suspensions_)
        spi::run("INSERT INTO game.world_system AS w (world, name, suspended_reason) VALUES ($1, $2, $3) "
                 "ON CONFLICT (world, name) DO UPDATE SET suspended_reason = excluded.suspended_reason",
                 {spi::bigint(s.world_id), spi::text(s.system), spi::text(s.reason)});
}

bool extension_exists() {
    const char* version = pg::version_in_catalog();
    return version != nullptr && std::strcmp(version, GAMELAN_VERSION) == 0 &&
           OidIsValid(get_namespace_oid("game", true));
}

std::vector<DefinitionRow> read_definitions() {
    std::vector<DefinitionRow> out;
    const std::uint64_t count = spi::run(
        "SELECT d.id, d.name, d.game, d.seed, d.config, d.tick_rate, d.desired_state, h.tick, h.log_tick, "
        "h.row_hash, (g.name IS NOT NULL)::int, d.time_scale::text, d.catch_up, d.durability, d.first_tick, "
        "h.checksum "
        "FROM game.world_definition AS d LEFT JOIN game.world_head AS h ON h.world = d.id "
        "LEFT JOIN game.game AS g ON g.name = d.game ORDER BY d.id",
        {});
    for (std::uint64_t row = 0; row < count; ++row) {
        DefinitionRow definition{};
        definition.id = spi::bigint_at(row, 1);
        definition.name = spi::text_at(row, 2);
        definition.definition.game = spi::text_at(row, 3);
        definition.definition.seed = static_cast<std::uint64_t>(spi::bigint_at(row, 4));
        definition.tick_rate_hz = static_cast<std::uint32_t>(spi::integer_at(row, 6));
        definition.desired_state = spi::text_at(row, 7);
        definition.time_scale = std::stod(std::string(spi::text_at(row, 12)));
        definition.catch_up = spi::text_at(row, 13);
        definition.durability = spi::text_at(row, 14);
        definition.first_tick = static_cast<std::uint64_t>(spi::bigint_at(row, 15));
        definition.has_head = !spi::is_null(row, 8);
        if (definition.has_head) {
            definition.head_tick = static_cast<std::uint64_t>(spi::bigint_at(row, 8));
            definition.log_tick = static_cast<std::uint64_t>(spi::bigint_at(row, 9));
            definition.row_hash = static_cast<std::uint64_t>(spi::bigint_at(row, 10));
            definition.is_head_sound = static_cast<std::uint64_t>(spi::bigint_at(row, 16)) ==
                                       pg::head_checksum(definition.id, definition.head_tick,
                                                         definition.log_tick, definition.row_hash);
        }
        const std::span<const pg::JsonEntry> entries =
            pg::flatten_object(spi::json_at(row, 5), "a world's config");
        try {
            definition.is_schema_game = spi::integer_at(row, 11) != 0;
            const game::Module& module = definition.is_schema_game
                                             ? game::schema_module()
                                             : game::find_module(definition.definition.game);
            definition.definition.config = module.complete(pg::to_config(entries));
        } catch (const Error& error) {
            definition.fault = error.message();
        }
        out.push_back(std::move(definition));
    }
    return out;
}

GameComponents read_components(std::vector<DefinitionRow>& rows) {
    GameComponents out;
    for (DefinitionRow& row : rows) {
        const std::string& game = row.definition.game;
        if (!row.is_schema_game || !row.fault.empty() || out.contains(game))
            continue;
        try {
            out.emplace(game, std::make_shared<const store::Definition>(pg::read_definition(game)));
        } catch (const Error& error) {
            row.fault = error.message();
        }
    }
    return out;
}

std::vector<InboxRow> read_inbox(std::int64_t world_id, std::int32_t limit, std::int64_t id) {
    struct Row {
        std::int64_t id;
        std::string_view session;
        std::string_view commands;
    };
    std::vector<InboxRow> out;
    const std::uint64_t count = pg::pg_call([&] {
        return spi::run(
            "SELECT id, session, commands FROM game.inbox WHERE world = $1 AND id > $3 ORDER BY id LIMIT $2",
            {spi::bigint(world_id), spi::integer(limit), spi::bigint(id)});
    });
    for (std::uint64_t i = 0; i < count; ++i) {
        const Row row = pg::pg_call([&] {
            return Row{spi::bigint_at(i, 1), spi::text_at(i, 2), spi::bytes_at(i, 3)};
        });
        out.push_back({row.id, world_id, std::string(row.session), std::string(row.commands)});
    }
    return out;
}

std::vector<std::int64_t> read_dropped_worlds() {
    std::vector<std::int64_t> out;
    const std::uint64_t count = spi::run("SELECT id FROM game.dropped_world", {});
    for (std::uint64_t row = 0; row < count; ++row)
        out.push_back(spi::bigint_at(row, 1));
    return out;
}

void remove_dropped_worlds(const std::vector<std::int64_t>& ids) {
    const spi::Argument worlds = column(INT8OID, ids, [](std::int64_t id) { return spi::bigint(id); });
    spi::run("DELETE FROM game.world_head WHERE world = ANY ($1)", {worlds});
    spi::run("DELETE FROM game.tick_log WHERE world = ANY ($1)", {worlds});
    spi::run("DELETE FROM game.event WHERE world = ANY ($1)", {worlds});
    spi::run("DELETE FROM game.inbox WHERE world = ANY ($1)", {worlds});
    spi::run("DELETE FROM game.conflict WHERE world = ANY ($1)", {worlds});
    spi::run("DELETE FROM game.checkpoint_chunk WHERE world = ANY ($1)", {worlds});
    spi::run("DELETE FROM game.checkpoint WHERE world = ANY ($1)", {worlds});
    spi::run("DELETE FROM game.checkpoint_policy WHERE world = ANY ($1)", {worlds});
    spi::run("DELETE FROM game.idempotency_key WHERE world = ANY ($1)", {worlds});
    spi::run("DELETE FROM game.log_begin WHERE world = ANY ($1)", {worlds});
    spi::run("DELETE FROM game.retention WHERE world = ANY ($1)", {worlds});
    spi::run("DELETE FROM game.world_system WHERE world = ANY ($1)", {worlds});
    spi::run("DELETE FROM game.system_error WHERE world = ANY ($1)", {worlds});
    spi::run("DELETE FROM game.dropped_world WHERE id = ANY ($1)", {worlds});
}

} // namespace gamelan::worker
