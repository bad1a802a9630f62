// Acts on their way to the database: collected per world while batches are in flight, sent as one
// game.calls(…) over one of two pipelined connections, answered one by one.
//
// At most four batches are in flight. The acts of one player stay in order, because as long as one of them is
// in flight the next ones go over the same connection.
#pragma once

#include "gateway/config.hpp"
#include "gateway/database_link.hpp"
#include "gateway/server_messages.hpp"

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gamelan::gateway {

inline constexpr std::size_t max_acts_per_batch = 256;
inline constexpr std::size_t max_batches_per_link = 2;

// One player as the acts see it, shared by the sessions that use the same token one after the other.
struct ActLane {
    std::string actor;
    int link = -1; // that carries this player's acts now
    int in_flight = 0;
};

struct Act {
    std::uint64_t session = 0; // who is told the answer
    std::shared_ptr<ActLane> lane;
    std::int64_t world = 0;
    std::int64_t seq = 0;
    std::string action;
    std::string args_json;
    bool alone = false; // its batch failed as a whole: try it by itself
};

struct ActAnswer {
    std::int64_t tick = 0;
    std::string result_json;
    ErrorText error; // code empty: the act was applied
};

class ActDispatcher {
  public:
    struct Events {
        std::function<void()> link_changed;
        std::function<void(const Act&, const ActAnswer&)> answered;
    };

    ActDispatcher(EventLoop loop, const Config& config, const LinkSettings& settings, Events events);

    void start();
    // True when both connections are up.
    bool up() const;
    bool full() const { return waiting_.size() >= max_waiting_; }

    // Needs up() and !full(). The answer comes later, never from within this call.
    void add(Act act);

  private:
    struct Batch {
        std::vector<Act> acts;
        bool answered = false;
    };
    struct Lane : LinkOwner {
        Lane(ActDispatcher& owner, EventLoop loop, const LinkSettings& settings, int index);
        void on_link_up() override;
        void on_link_down() override;
        void on_result(PgResult result) override;

        ActDispatcher& dispatcher;
        int index;
        DatabaseLink link;
        std::deque<Batch> in_flight;
    };

    void dispatch();
    bool dispatch_on(Lane& lane);
    std::vector<Act> collect(int link);
    void send(Lane& lane, const std::vector<Act>& acts);
    void take_answers(Batch& batch, const PGresult* result);
    void take_failure(Batch& batch, const PGresult* result);
    void finish(const Act& act, const ActAnswer& answer);
    void fail_all(Lane& lane);

    std::size_t max_waiting_;
    std::int64_t timeout_ms_;
    Events events_;
    std::deque<Act> waiting_;
    std::array<std::unique_ptr<Lane>, 2> lanes_;
    Timer dispatch_soon_;
};

} // namespace gamelan::gateway
