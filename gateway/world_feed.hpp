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
        std::function<void(WorldFeed&)> link_changed;
        // A message was applied to the state; `text` is its JSON.
        std::function<void(WorldFeed&, const codec::StateMessage&, const SharedText& text)> changed;
    };

    WorldFeed(EventLoop loop, const Config& config, LinkSettings settings, std::int64_t world, Events events);

    void start() { link_.start(); }
    std::int64_t world() const { return world_; }

    // True after the connection was up and is not any more.
    bool lost() const { return was_up_ && !link_.up(); }
    // True when hello and snapshot can be made.
    bool ready() const { return description_ && state_.known(); }
    // Why it is not ready; empty when it is.
    std::string problem() const;

    const GameDescription& description() const { return *description_; }
    // The latest tick seen, kept while the database is away; 0 before the first.
    std::uint64_t tick() const { return tick_; }
    // The state at tick() as a snapshot message, made once a tick. Needs ready().
    SharedText snapshot_text();

  private:
    void on_link_up() override;
    void on_link_down() override;
    void on_result(PgResult result) override;
    void ask();
    void take_description(const PGresult* result);
    void take_changes(const PGresult* result);
    void apply(const codec::StateMessage& message);
    void retry_later(std::string_view reason);

    std::int64_t world_;
    std::int64_t poll_wait_ms_;
    Events events_;
    DatabaseLink link_;
    Timer retry_;
    WorldState state_;
    std::optional<GameDescription> description_;
    std::string problem_ = "the world was not read yet";
    std::uint64_t tick_ = 0;
    SharedText snapshot_; // of the present tick, or null
    bool was_up_ = false;
};

} // namespace gamelan::gateway
