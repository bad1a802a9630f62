#include "extension/pg/verification.hpp"

#include "core/codec/command_batch.hpp"
#include "extension/pg/private_region.hpp"
#include "extension/pg/tick_log.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/spi.hpp"
#include "extension/pg/subtransaction.hpp"

namespace gamelan::pg::verification {

namespace {

constexpr std::int32_t batch_rows = 1000;
constexpr std::size_t most_log_findings = 1000;

std::string hex(std::uint64_t value) {
    char out[17];
    snprintf(out, sizeof out, "%016llx", static_cast<unsigned long long>(value));
    return out;
}

struct Head {
    bool is_found;
    std::uint64_t tick;
    std::uint64_t log_tick;
    std::uint64_t row_hash;
    std::uint64_t checksum;
};

class Verification {
  public:
    explicit Verification(history::World world) : world_(std::move(world)) {}

    std::vector<Finding> run(bool from_beginning) {
        read();
        check_head();
        check_log();
        for (std::size_t i = 0; i < manifests_.size(); ++i)
            check_checkpoint(i);
        check_replay(from_beginning);
        return std::move(findings_);
    }

  private:
    void note(const char* what, std::optional<std::uint64_t> tick, bool is_ok, std::string message) {
        findings_.push_back({what, tick, is_ok, std::move(message)});
    }

    // What f throws, damage that Postgres finds included, becomes a finding. False then.
    bool attempt(const char* what, std::uint64_t tick, auto&& f) {
        std::string reason;
        Subtransaction subtransaction;
        bool is_ok = false;
        try {
            f();
            is_ok = true;
        } catch (const PgError& error) {
            if (is_fatal(*error.data()) && error.data()->sqlerrcode != ERRCODE_DATA_CORRUPTED &&
                error.data()->sqlerrcode != ERRCODE_INDEX_CORRUPTED)
                throw;
            reason = error.what();
        } catch (const Error& error) {
            reason = error.message() + (error.detail().empty() ? "" : ". " + error.detail());
        }
        subtransaction.end(is_ok);
        if (!is_ok)
            note(what, tick, false, reason);
        return is_ok;
    }

    void read();
    void check_head();
    void check_log();
    void check_row(const LogRow& row);
    std::uint64_t hash_before(const LogRow& first) const;
    void check_checkpoint(std::size_t index);
    void check_replay(bool from_beginning);
    void replay(const history::Place& place, bool from_beginning);
    void compare(const history::State& state, const Manifest& manifest);

    history::World world_;
    history::CallersTransaction tables_;
    history::InterruptWatcher watcher_;
    Head head_{};
    std::vector<Manifest> manifests_;
    std::vector<bool> is_sound_;   // of each manifest
    std::optional<LogRow> newest_; // without its commands
    std::uint64_t begin_hash_ = 0; // of the newest row that retention has removed
    std::uint64_t previous_hash_ = 0;
    std::uint64_t rows_ = 0;
    std::uint64_t last_good_tick_ = 0; // of the rows before the first break of the chain
    bool is_chain_whole_ = true;
    bool is_head_good_ = false;
    std::size_t log_findings_ = 0;
    std::vector<Finding> findings_;
};

void Verification::read() {
    history::with_tables(tables_, "gamelan: verifying a world", [&] {
        head_ = pg_call([&] {
            if (spi::read("SELECT tick, log_tick, row_hash, checksum FROM game.world_head WHERE world = $1",
                          {spi::bigint(world_.id)}) == 0)
                return Head{};
            return Head{true, static_cast<std::uint64_t>(spi::bigint_at(0, 1)),
                        static_cast<std::uint64_t>(spi::bigint_at(0, 2)),
                        static_cast<std::uint64_t>(spi::bigint_at(0, 3)),
                        static_cast<std::uint64_t>(spi::bigint_at(0, 4))};
        });
        manifests_ = read_manifests(world_.id, history::any_tick);
        newest_ = newest_log_row(world_.id, history::any_tick);
        if (const std::optional<LogRow> removed = newest_removed_row(world_.id))
            begin_hash_ = removed->row_hash;
    });
    is_sound_.resize(manifests_.size());
}

void Verification::check_head() {
    if (!head_.is_found)
        return note("head", std::nullopt, false, "the world has no row in game.world_head");
    if (head_.checksum != head_checksum(world_.id, head_.tick, head_.log_tick, head_.row_hash))
        return note("head", head_.tick, false, "its checksum differs");
    const std::uint64_t log_tick = newest_ ? newest_->tick : 0;
    const std::uint64_t row_hash = newest_ ? newest_->row_hash : 0;
    if (head_.log_tick != log_tick || head_.row_hash != row_hash)
        return note("head", head_.tick, false,
                    "it names a row of tick " + std::to_string(head_.log_tick) +
                        " as the log's newest, which is another one: of tick " + std::to_string(log_tick));
    if (head_.tick < head_.log_tick)
        return note("head", head_.tick, false, "it lies before the newest row of the log");
    is_head_good_ = true;
    note("head", head_.tick, true, "names the newest row of the log, of tick " + std::to_string(log_tick));
}

// What the row before the first one had: nothing when that is the world's first, else what the checkpoint
// before it says, or whoever removed that row.
std::uint64_t Verification::hash_before(const LogRow& first) const {
    const auto fits = [&](std::uint64_t hash) {
        return chain_row(hash, first.tick, first.commands, first.state_hash) == first.row_hash;
    };
    if (fits(0))
        return 0;
    for (const Manifest& manifest : manifests_)
        if (manifest.log_tick < first.tick && fits(manifest.row_hash))
            return manifest.row_hash;
    return begin_hash_;
}

void Verification::check_row(const LogRow& row) {
    const auto complain = [&](const std::string& reason) {
        if (++log_findings_ <= most_log_findings)
            note("log", row.tick, false, reason);
    };
    if (chain_row(previous_hash_, row.tick, row.commands, row.state_hash) != row.row_hash) {
        complain("the row does not follow on the one before it: it was changed, or one between them is gone");
        is_chain_whole_ = false;
    }
    last_good_tick_ = is_chain_whole_ ? row.tick : last_good_tick_;
    try {
        (void)codec::decode_commands(row.commands);
    } catch (const Error& error) {
        complain(error.message());
    }
    previous_hash_ = row.row_hash;
}

void Verification::check_log() {
    std::uint64_t first_tick = 0;
    const bool is_read = attempt("log", 0, [&] {
        for (std::uint64_t after = 0;;) {
            const std::vector<LogRow> rows = history::with_tables(tables_, "gamelan: verifying a log", [&] {
                return read_log(world_.id, after, history::any_tick, batch_rows);
            });
            if (rows_ == 0 && !rows.empty()) {
                first_tick = rows.front().tick;
                previous_hash_ = hash_before(rows.front());
            }
            for (const LogRow& row : rows)
                check_row(row);
            rows_ += rows.size();
            if (rows.size() < static_cast<std::size_t>(batch_rows))
                return;
            after = rows.back().tick;
            (void)watcher_.go_on({});
        }
    });
    if (is_read && log_findings_ == 0)
        note("log", newest_ ? newest_->tick : 0, true,
             rows_ == 0 ? "no rows"
                        : std::to_string(rows_) + " rows, the first of tick " + std::to_string(first_tick));
}

void Verification::check_checkpoint(std::size_t index) {
    const Manifest& manifest = manifests_[index];
    is_sound_[index] = attempt("checkpoint", manifest.tick, [&] {
        const PrivateRegion memory;
        const auto rules = make_rules(world_.id, world_.definition);
        history::with_tables(tables_, "gamelan: verifying a checkpoint", [&] {
            (void)history::load_chain(*rules, manifests_, index,
                                      {memory.region(), memory.slot(), memory.limit_units()}, watcher_);
        });
    });
    if (is_sound_[index])
        note("checkpoint", manifest.tick, true,
             manifest.kind + (manifest.is_full() ? "" : " on tick " + std::to_string(manifest.base_tick)) +
                 ", state hash " + hex(manifest.state_hash));
}

void Verification::compare(const history::State& state, const Manifest& manifest) {
    const std::uint64_t hash = state.simulation->store().newest().state_hash_kept();
    if (hash != manifest.state_hash)
        note("replay", manifest.tick, false,
             "comes to the state hash " + hex(hash) + ", and the checkpoint has " + hex(manifest.state_hash));
}

void Verification::replay(const history::Place& place, bool from_beginning) {
    std::uint64_t oldest_sound = 0;
    for (std::size_t i = 0; i < manifests_.size(); ++i)
        oldest_sound = is_sound_[i] ? manifests_[i].tick : oldest_sound;
    // A fork has no beginning but its first checkpoint.
    history::State state = (from_beginning && world_.first_tick == 0) || oldest_sound == 0
                               ? history::load_beginning(world_, place)
                               : history::load(world_, oldest_sound, place, tables_, watcher_);
    const std::uint64_t from = state.from_tick();
    for (std::size_t i = manifests_.size(); i-- > 0;) {
        if (!is_sound_[i] || manifests_[i].tick <= from ||
            (!is_chain_whole_ && manifests_[i].tick > last_good_tick_))
            continue;
        (void)history::replay(world_, state, manifests_[i].tick, tables_, watcher_);
        compare(state, manifests_[i]);
    }
    // What is damaged may name any tick.
    const std::uint64_t newest = is_head_good_ && is_chain_whole_ ? head_.tick : last_good_tick_;
    (void)history::replay(world_, state, newest, tables_, watcher_);
    const std::uint64_t tick = state.simulation->tick();
    note("replay", tick, true,
         "from tick " + std::to_string(from) + ", state hash " +
             hex(state.simulation->store().newest().state_hash_kept()));
}

void Verification::check_replay(bool from_beginning) {
    (void)attempt("replay", head_.tick, [&] {
        const PrivateRegion memory;
        replay({memory.region(), memory.slot(), memory.limit_units()}, from_beginning);
    });
}

} // namespace

std::vector<Finding> verify(std::int64_t world_id, bool from_beginning) {
    history::CallersTransaction tables;
    try {
        return Verification(history::find_world(world_id, tables)).run(from_beginning);
    } catch (const Error& error) {
        if (error.code() == sqlstate::undefined_world)
            throw;
        return {{"definition", std::nullopt, false, error.message()}};
    }
}

} // namespace gamelan::pg::verification
