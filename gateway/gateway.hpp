// The middle of the process: sessions on one side, the database's worlds and acts on the other. Knows the
// protocol (docs/protocol.md); reads and writes no socket itself. Runs on the loop's one thread.
#pragma once

#include "gateway/acts.hpp"
#include "gateway/client_message.hpp"
#include "gateway/config.hpp"
#include "gateway/directory.hpp"
#include "gateway/http.hpp"
#include "gateway/session.hpp"
#include "gateway/world_feed.hpp"

#include <map>
#include <memory>
#include <string>
#include <unordered_map>

namespace gamelan::gateway {

class Gateway {
  public:
    Gateway(EventLoop loop, const Config& config);

    void start();

    // False when --max-connections are open or the gateway is stopping.
    bool has_room() const;
    Readiness readiness() const;

    // Of the socket's side. A session is known from opened() to closed().
    void opened(Session& session);
    void closed(Session& session);
    void received(Session& session, std::string_view text);
    void received_binary(Session& session);
    void received_too_big(Session& session);
    // After something of the outbox was sent.
    void sent(Session& session);

    // Closes every session with 1001 and takes no new one.
    void drain();
    std::size_t session_count() const { return sessions_.size(); }

  private:
    struct Follower {
        std::unique_ptr<WorldFeed> feed;
        std::int64_t used_ms; // when a session last used it
    };

    void on(Session& session, const HelloMessage& message);
    void on(Session& session, const ActMessage& message);
    void on(Session& session, const ResyncMessage& message);
    void on(Session& session, const PingMessage& message);
    void on(Session& session, const UnknownMessage& message);
    void on(Session& session, const MalformedMessage& message);

    void take_over(Session& session);
    void try_open(Session& session);
    void refuse(Session& session, std::string_view code, std::string message, int close_code);
    void close(Session& session, int code, std::string reason);

    void deliver(Session& session, const codec::StateMessage& message, const SharedText& text);
    void try_snapshot(Session& session);
    void push_state(Session& session, SharedText text, std::uint64_t tick);

    void answered(const Act& act, const ActAnswer& answer);
    void worlds_listed();
    void feed_changed(WorldFeed& feed, const codec::StateMessage& message, const SharedText& text);
    void feed_became_durable(WorldFeed& feed);
    void database_changed();
    bool database_ok_for(const Session& session) const;
    void tell_status(Session& session);
    WorldFeed* follow(std::int64_t world);
    void drop_feed(std::int64_t world);
    void sweep();

    EventLoop loop_;
    Config config_;
    LinkSettings link_settings_;
    bool database_ok_ = false;
    bool draining_ = false;
    std::unordered_map<std::uint64_t, Session*> sessions_;
    std::unordered_map<std::string, Session*> holders_; // by actor: the session that acts for it
    std::unordered_map<std::string, std::weak_ptr<ActLane>>
        lanes_; // by actor: outlives sessions while in flight
    std::map<std::int64_t, Follower> feeds_;
    Directory directory_;
    ActDispatcher acts_;
    Timer sweep_timer_;
};

} // namespace gamelan::gateway
