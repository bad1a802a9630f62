// The world worker's SQL: what a turn of its loop writes, and what it reads. One transaction carries the
// ticks of all worlds. Postgres errors are not caught here: they end the process, which is started again and
// goes on from the last published tick.
#pragma once

#include "core/sim/simulation.hpp"

#include <map>
#include <memory>

#include "extension/pg/definition.hpp"
#include "extension/pg/tick_log.hpp"

namespace gamelan::worker {

// A row of game.world_definition with its head, if a restore has brought that already.
struct DefinitionRow {
    std::int64_t id;
    std::string name;
    pg::Definition definition;
    bool is_schema_game; // declared in SQL, not native
    std::uint32_t tick_rate_hz;
    std::string desired_state;
    std::string durability;
    std::uint64_t first_tick; // more than 0: it began with another world's state
    double time_scale;
    std::string catch_up;
    bool has_head;
    bool is_head_sound; // its checksum says so
    std::uint64_t head_tick;
    std::uint64_t log_tick;
    std::uint64_t row_hash;
    std::string fault; // why the definition cannot be used; empty = it can
};

struct InboxRow {
    std::int64_t id;
    std::int64_t world_id;
    std::string session;
    std::string commands;
};

using pg::chain_row;
using pg::LogRow;
using pg::newest_log_row;

// A system that failed in a tick.
struct SystemError {
    std::int64_t world_id;
    std::uint64_t tick;
    std::string system;
    Error error;
    int statement; // the first is 1; 0 = not known
    std::optional<std::uint64_t> entity;
};

// What one turn writes.
class TurnLog {
  public:
    void add_tick(std::int64_t world_id, LogRow row) { ticks_.push_back({world_id, std::move(row)}); }
    void add_head(std::int64_t world_id, std::uint64_t tick, std::uint64_t log_tick, std::uint64_t row_hash) {
        heads_.push_back({world_id, tick, log_tick, row_hash});
    }
    void add_event(std::int64_t world_id, std::uint64_t tick, std::int32_t ordinal, sim::LoggedEvent event) {
        events_.push_back({world_id, tick, ordinal, std::move(event)});
    }
    void add_event_rows(std::int64_t world_id, std::uint64_t tick, const std::string& game,
                        sim::EventRows rows) {
        event_rows_.push_back({world_id, tick, game, std::move(rows)});
    }
    void add_conflict(std::int64_t world_id, std::uint64_t tick, const std::string& session,
                      const game::Command& command, const Error& error) {
        conflicts_.push_back({world_id, tick, session, command, error});
    }
    void consume_inbox(std::int64_t id) { consumed_.push_back(id); }
    // Somebody relies on what is written: it has to be on disk before anybody is told.
    void require_flush() { must_be_flushed_ = true; }
    bool must_be_flushed() const { return must_be_flushed_; }
    void add_system_error(SystemError error) { system_errors_.push_back(std::move(error)); }
    void suspend_system(std::int64_t world_id, const std::string& system, const std::string& reason) {
        suspensions_.push_back({world_id, system, reason});
    }

    bool is_empty() const {
        return ticks_.empty() && heads_.empty() && events_.empty() && event_rows_.empty() &&
               conflicts_.empty() && consumed_.empty() && system_errors_.empty() && suspensions_.empty();
    }
    // In a transaction of spi::begin.
    void write() const;

  private:
    struct Tick {
        std::int64_t world_id;
        LogRow row;
    };
    struct Head {
        std::int64_t world_id;
        std::uint64_t tick;
        std::uint64_t log_tick;
        std::uint64_t row_hash;
    };
    struct Event {
        std::int64_t world_id;
        std::uint64_t tick;
        std::int32_t ordinal;
        sim::LoggedEvent event;
    };
    struct TableRows {
        std::int64_t world_id;
        std::uint64_t tick;
        std::string game;
        sim::EventRows rows;
    };
    struct Conflict {
        std::int64_t world_id;
        std::uint64_t tick;
        std::string session;
        game::Command command;
        Error error;
    };
    struct Suspension {
        std::int64_t world_id;
        std::string system;
        std::string reason;
    };
    void write_system_errors() const;
    void write_ticks() const;
    void write_heads() const;
    void write_events() const;
    void write_event_rows() const;
    void write_conflicts() const;
    void write_consumed() const;

    std::vector<Tick> ticks_;
    std::vector<Head> heads_;
    std::vector<Event> events_;
    std::vector<TableRows> event_rows_;
    std::vector<Conflict> conflicts_;
    std::vector<std::int64_t> consumed_;
    std::vector<SystemError> system_errors_;
    std::vector<Suspension> suspensions_;
    bool must_be_flushed_ = false;
};

// The rest reads, each in a transaction of spi::begin.

// False while the extension is not in this database, or in another version than the library.
bool extension_exists();
std::vector<DefinitionRow> read_definitions();
// The components of each game declared in SQL that one of the rows plays. Sets the fault of worlds whose
// game's components are beyond a limit.
using GameComponents = std::map<std::string, std::shared_ptr<const store::Definition>, std::less<>>;
GameComponents read_components(std::vector<DefinitionRow>& rows);
// Rows after `id`, oldest first, at most `limit`.
std::vector<InboxRow> read_inbox(std::int64_t world_id, std::int32_t limit, std::int64_t id = 0);
// What a tick takes from it; not whole when more is there that has to wait.
struct Inbox {
    std::vector<InboxRow> rows;
    bool is_whole = true;
};
// Worlds that were dropped and whose rows are still there. To be read before the definitions, so that none of
// these ids is among them.
std::vector<std::int64_t> read_dropped_worlds();
// Removes what they left behind.
void remove_dropped_worlds(const std::vector<std::int64_t>& ids);

} // namespace gamelan::worker
