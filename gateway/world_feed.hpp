// Follows one world over a connection of its own: describes its game, then long-polls game.changes, keeps the
// decoded state and turns each message into one JSON text that all clients of the world share.
#pragma once

#include "gateway/config.hpp"
#include "gateway/database_link.hpp"
#include "gateway/outbox.hpp"
#include "gateway/server_messages.hpp"
#include "gateway/world_state.hpp"

#include <functional>
#include <optional>

namespace gamelan::gateway {

class WorldFeed : private LinkOwner {
  public:
    struct Events {
        std::function<void(WorldFeed&)> availability_changed; // ready() or lost() changed
        // The state changed; `text` is the JSON of the message. Messages without a change are not told, so a
        // delta's base is the tick of the message told before it.
        std::function<void(WorldFeed&, const codec::StateMessage&, const SharedText& text)> changed;
        // All that was told is durable now; after states that were told before they were.
        std::function<void(WorldFeed&)> became_durable;
    };

    WorldFeed(EventLoop loop, const Config& config, LinkSettings settings, std::int64_t world, Events events);

    void start() { link_.start(); }
    std::int64_t world() const { return world_; }

    // True after it was ready and is not any more.
    bool lost() const { return was_ready_ && !ready(); }
    // True when hello and snapshot can be made.
    bool ready() const { return description_ && state_.known(); }
    // Why it is not ready; empty when it is.
    std::string problem() const;

    const GameDescription& description() const { return *description_; }
    // The latest tick seen, kept while the database is away; 0 before the first.
    std::uint64_t tick() const { return tick_; }
    // The latest tick known to be durable, at most tick().
    std::uint64_t durable_tick() const { return durable_tick_; }
    // The latest tick at which something changed: the state is what it was then.
    std::uint64_t changed_tick() const { return changed_tick_; }
    // The state as a snapshot message of changed_tick(), made once a tick. Needs ready().
    SharedText snapshot_text();

  private:
    void on_link_up() override;
    void on_link_down() override;
    void on_result(PgResult result) override;
    void ask();
    void take_description(const PGresult* result);
    void take_changes(const PGresult* result);
    void apply(codec::StateMessage& message);
    void note_durable(std::uint64_t tick);
    SharedText json_of(const codec::StateMessage& message) const;
    // Whether clients were told a state that is not known to be durable yet.
    bool is_ahead() const { return state_.known() && durable_tick_ < changed_tick_; }
    void retry_later(std::string_view reason);
    void become_unavailable(std::string_view problem);

    std::int64_t world_;
    std::int64_t poll_wait_ms_;
    Events events_;
    DatabaseLink link_;
    Timer retry_;
    WorldState state_;
    std::optional<GameDescription> description_;
    std::string problem_ = "the world was not read yet";
    std::uint64_t tick_ = 0;
    std::uint64_t changed_tick_ = 0;
    std::uint64_t durable_tick_ = 0;
    bool was_told_ahead_ = false;
    SharedText snapshot_; // of changed_tick_, or null
    bool was_ready_ = false;
};

} // namespace gamelan::gateway
