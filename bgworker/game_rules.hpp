// What the catalogs and the registry say a game plays by: its systems, compiled where they can be, and its
// actions.
#pragma once

#include "core/game/rules.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "extension/pg/pg.hpp"

namespace gamelan::worker {

struct ActionRule {
    std::string name;
    Oid function = InvalidOid;
    Oid policy = InvalidOid;
    bool is_durable = true;
    double cooldown_s = 0;     // simulated; 0 = none
    double max_per_second = 0; // simulated; 0 = no limit
};

struct GameRules {
    std::string game;
    std::vector<game::SystemRule> systems;              // in order
    std::map<std::string, Oid, std::less<>> procedures; // of systems, by name; of conditions too
    std::map<std::string, ActionRule, std::less<>> actions;
};

// Where a world differs from its game.
struct WorldFlags {
    std::map<std::string, bool, std::less<>> enabled;          // systems
    std::map<std::string, std::string, std::less<>> suspended; // with the reason
};

// Reads what games play by, again only what may have changed. In a transaction of spi::begin; C++ zone.
class GameRulesReader {
  public:
    // Throws Error: what Postgres raised (a lock that another session holds for long, say).
    std::shared_ptr<const GameRules> read(const std::string& game);

  private:
    struct Known {
        std::string registered;   // what the registry says
        std::uint64_t generation; // of the catalogs
        bool is_compiled;
        std::shared_ptr<const GameRules> rules;
    };
    std::map<std::string, Known, std::less<>> known_;
};

// In a transaction of spi::begin. Systems whose procedure is missing (in the middle of a restore) are left
// out. C++ zone; throws PgError.
std::shared_ptr<const GameRules> read_game_rules(const std::string& game);
WorldFlags read_world_flags(std::int64_t world_id);

// What a world plays by.
game::Rules rules_of_world(const GameRules& game, const WorldFlags& flags, std::uint32_t tick_rate_hz,
                           double time_scale);

} // namespace gamelan::worker
