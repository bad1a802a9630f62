// One WebSocket client.
#pragma once

#include "gateway/acts.hpp"
#include "gateway/outbox.hpp"
#include "gateway/rate_limit.hpp"

#include <libwebsockets.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace gamelan::gateway {

class WorldFeed;

enum class Phase {
    greeting, // hello has not come yet
    opening,  // hello waits for its world
    open,
    closing, // what is queued is sent, then the close code
};

struct Session {
    Session(std::uint64_t number, lws* connection, std::int64_t acts_per_second, std::int64_t now)
        : id(number), wsi(connection), rate(acts_per_second, now), opened_ms(now), received_ms(now) {}

    std::uint64_t id;
    lws* wsi;
    Phase phase = Phase::greeting;
    std::string name;  // for hello and the log
    std::string token; // secret
    std::shared_ptr<ActLane> lane;

    std::optional<std::int64_t> wanted_world; // none: the lowest
    bool looked_again = false;                // the list of worlds was read anew for this hello
    WorldFeed* feed = nullptr;

    Outbox outbox;
    bool database_ok = true;      // as the client was told
    bool stale = false;           // a snapshot must come before any delta
    std::uint64_t state_tick = 0; // of the latest state message queued, when not stale

    RateLimit rate;
    std::int64_t pending_acts = 0;
    std::uint64_t answered_acts = 0;

    std::string partial; // of the message that is arriving
    bool too_big = false;
    int malformed = 0;
    std::int64_t opened_ms;
    std::int64_t received_ms;
    bool reading = true;

    int close_code = 0;
    std::string close_reason;
    bool close_sent = false;

    void want_write() { lws_callback_on_writable(wsi); }
    void reply(SharedText text) {
        outbox.push_reply(std::move(text));
        want_write();
    }
};

} // namespace gamelan::gateway
