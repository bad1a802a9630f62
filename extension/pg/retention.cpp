#include "extension/pg/retention.hpp"

#include "extension/pg/pause_points.hpp"
#include "extension/pg/private_region.hpp"

#include "extension/pg/bridge.hpp"
#include "extension/pg/checkpoints.hpp"
#include "extension/pg/spi.hpp"
#include "extension/pg/subtransaction.hpp"

namespace gamelan::pg::retention {

namespace {

enum class Verdict { sound, unsound, unknown };

void warn(const Manifest& manifest, const std::string& reason) {
    pg_call([&] {
        ereport(WARNING, (errcode(ERRCODE_DATA_CORRUPTED),
                          errmsg("the checkpoint of world " INT64_FORMAT " at tick " UINT64_FORMAT
                                 " could not be verified: %s",
                                 manifest.world, manifest.tick, reason.c_str()),
                          errhint("While that is so, no older checkpoint is removed.")));
    });
}

// A recovery that nobody else sees.
Verdict verify(const game::World& rules, const std::vector<Manifest>& manifests, std::size_t index,
               history::Watcher& watcher) {
    const PrivateRegion memory;
    const history::Place place{memory.region(), memory.slot(), memory.limit_units()};
    std::string reason;
    Verdict verdict = Verdict::unsound;
    Subtransaction subtransaction;
    try {
        const auto store = history::load_chain(rules, manifests, index, place, watcher);
        verdict = store ? Verdict::sound : Verdict::unknown;
    } catch (const PgError& error) {
        if (error.data()->sqlerrcode != ERRCODE_DATA_CORRUPTED &&
            error.data()->sqlerrcode != ERRCODE_INDEX_CORRUPTED)
            throw;
        reason = error.what();
    } catch (const Error& error) {
        reason = error.message();
    }
    subtransaction.end(verdict != Verdict::unsound);
    if (verdict == Verdict::unsound)
        warn(manifests[index], reason);
    return verdict;
}

void note_verified(const Manifest& manifest) {
    pg_call([&] {
        spi::run(
            "UPDATE game.checkpoint SET verified_at = clock_timestamp() WHERE world = $1 AND tick = $2 AND "
            "manifest_hash = $3 AND verified_at IS NULL",
            {spi::bigint(manifest.world), spi::bigint(static_cast<std::int64_t>(manifest.tick)),
             spi::bigint(static_cast<std::int64_t>(manifest.hash))});
    });
}

// The tick of the oldest checkpoint to keep; those before it may go. 0: all are kept.
std::uint64_t oldest_kept(std::int64_t world_id) {
    return pg_call([&]() -> std::uint64_t {
        const checkpoints::Policy policy = checkpoints::policy_of(world_id);
        // A generation ends where the next one begins; it is as old as the last checkpoint in it.
        const std::uint64_t rows = spi::run(
            "SELECT g.tick FROM (SELECT c.tick, row_number() OVER (ORDER BY c.tick DESC) AS nth, "
            "(SELECT max(i.created_at) FROM game.checkpoint AS i WHERE i.world = $1 AND i.tick >= c.tick "
            "AND i.tick < coalesce((SELECT min(n.tick) FROM game.checkpoint AS n WHERE n.world = $1 AND "
            "n.kind = 'full' AND n.tick > c.tick), 9223372036854775807)) AS last_at "
            "FROM game.checkpoint AS c WHERE c.world = $1 AND c.kind = 'full') AS g "
            "WHERE g.nth <= $2 OR ($3 > 0 AND g.last_at > now() - $3 * interval '1 microsecond') "
            "ORDER BY g.tick LIMIT 1",
            {spi::bigint(world_id), spi::integer(policy.generations), spi::bigint(policy.keep_us)});
        return rows == 0 ? 0 : static_cast<std::uint64_t>(spi::bigint_at(0, 1));
    });
}

// Anchors stay, however old: without them the log that is kept leads nowhere.
bool is_any_to_go(std::int64_t world_id, std::uint64_t oldest) {
    return pg_call([&] {
        return spi::run("SELECT FROM game.checkpoint WHERE world = $1 AND tick < $2 AND tick <> ALL "
                        "(ARRAY(SELECT game._checkpoint_anchors($1))) LIMIT 1",
                        {spi::bigint(world_id), spi::bigint(static_cast<std::int64_t>(oldest))}) != 0;
    });
}

void remove_before(std::int64_t world_id, std::uint64_t tick) {
    pg_call([&] {
        spi::run("DELETE FROM game.checkpoint_chunk WHERE world = $1 AND tick < $2 AND tick <> ALL "
                 "(ARRAY(SELECT game._checkpoint_anchors($1)))",
                 {spi::bigint(world_id), spi::bigint(static_cast<std::int64_t>(tick))});
        spi::run("DELETE FROM game.checkpoint WHERE world = $1 AND tick < $2 AND tick <> ALL "
                 "(ARRAY(SELECT game._checkpoint_anchors($1)))",
                 {spi::bigint(world_id), spi::bigint(static_cast<std::int64_t>(tick))});
        pause_point("checkpoints_removed");
    });
}

std::vector<Manifest> read_all(std::int64_t world_id, history::Tables& tables) {
    return history::with_tables(tables, "gamelan: looking at checkpoints",
                                [&] { return read_manifests(world_id, history::any_tick); });
}

// Each verification in a transaction of its own. False when one of them is not sound. `is_one_to_go`: what
// stays has to be sound now, whatever was found before; and the newest of all, too.
bool verify_kept(const game::World& rules, const std::vector<Manifest>& manifests, bool is_one_to_go,
                 std::uint64_t oldest, history::Tables& tables, history::Watcher& watcher) {
    bool are_sound = true;
    for (std::size_t i = 0; i < manifests.size(); ++i) {
        const bool is_wanted = is_one_to_go ? manifests[i].is_full() || i == 0
                                            : manifests[i].is_full() && !manifests[i].is_verified;
        if (!is_wanted || manifests[i].tick < oldest)
            continue;
        const Verdict verdict = history::with_tables(tables, "gamelan: verifying a checkpoint", [&] {
            const Verdict out = verify(rules, manifests, i, watcher);
            if (out == Verdict::sound)
                note_verified(manifests[i]);
            return out;
        });
        are_sound = are_sound && verdict == Verdict::sound;
    }
    return are_sound;
}

} // namespace

bool tidy_up(std::int64_t world_id, history::Watcher& watcher) {
    history::OwnTransactions tables;
    const history::World world = history::find_world(world_id, tables);
    const std::unique_ptr<game::World> rules = make_rules(world.id, world.definition);
    const std::uint64_t oldest = history::with_tables(tables, "gamelan: looking at checkpoints",
                                                      [&] { return oldest_kept(world_id); });
    const std::vector<Manifest> manifests = read_all(world_id, tables);
    const bool is_one_to_go = history::with_tables(tables, "gamelan: looking at checkpoints",
                                                   [&] { return is_any_to_go(world_id, oldest); });
    if (!verify_kept(*rules, manifests, is_one_to_go, oldest, tables, watcher))
        return false;
    if (is_one_to_go)
        history::with_tables(tables, "gamelan: removing old checkpoints",
                             [&] { remove_before(world_id, oldest); });
    return true;
}

} // namespace gamelan::pg::retention
