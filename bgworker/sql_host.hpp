// Plays what kernels cannot: systems and actions that PostgreSQL's executor runs, in the transaction of the
// tick, each in a subtransaction of its own.
#pragma once

#include "bgworker/game_rules.hpp"
#include "core/sim/host.hpp"
#include "extension/pg/shared.hpp"

#include <unordered_map>

namespace gamelan::worker {

// For one world. C++ zone.
class SqlHost final : public sim::Host {
  public:
    SqlHost(store::WorldSlot slot, std::int64_t world_id) : slot_(slot), world_id_(world_id) {}

    void follow(std::shared_ptr<const GameRules> game) { game_ = std::move(game); }
    // Whether a tick with these commands will need a transaction.
    bool needs_transaction(const game::Rules& rules, bool has_commands) const;
    // Whether an action's answer has to wait until the tick is on disk.
    bool is_durable(const game::Command& command) const;

    sim::Effects run_system(const game::SystemRule& rule, const sim::TickContext& context) override;
    sim::Effects run_action(const game::Command& command, const sim::TickContext& context) override;
    std::string run_calls(const game::SystemRule& rule, const sim::RowCalls& calls,
                          const sim::TickContext& context) override;
    void run_native(const game::SystemRule& rule, std::uint64_t tick,
                    const std::function<void()>& run) override;
    bool is_wanted(const game::SystemRule& rule, const sim::TickContext& context) override;

    // Of the system that failed last: which of its statements it was, the first is 1; 0 = not known.
    int failed_statement() const { return failed_statement_; }

  private:
    struct Calls {
        std::int64_t last_us = 0;
        double credit = 0; // calls that may be made at once
    };
    // Of a system or a condition; InvalidOid when there is none.
    Oid procedure_of(const std::string& name) const;
    // For messages, and for what is blamed when the worker ends.
    std::string full_name(const game::SystemRule& rule) const;
    void require_pace(const ActionRule& action, const game::Command& command, std::int64_t now_us);

    store::WorldSlot slot_;
    std::int64_t world_id_;
    std::shared_ptr<const GameRules> game_;
    std::unordered_map<std::string, Calls> calls_; // by actor and action
    int failed_statement_ = 0;
};

} // namespace gamelan::worker
