#include "gateway/gateway.hpp"

#include "gateway/identity.hpp"

#include <algorithm>
#include <vector>

namespace gamelan::gateway {
namespace {

constexpr std::int64_t sweep_ms = 50;
constexpr std::int64_t hold_ms = 1'000; // how long a state may wait for the acks that belong before it
constexpr int malformed_until_close = 3;
constexpr int seconds_to_close = 5;
constexpr std::string_view lost_message = "the database is not reachable; trying again";

namespace close_code {
constexpr int going_away = 1001;
constexpr int too_big = 1009;
constexpr int unsupported_protocol = 4000;
constexpr int malformed = 4001;
constexpr int early = 4002;
constexpr int no_such_world = 4004;
constexpr int timeout = 4008;
constexpr int taken_over = 4009;
} // namespace close_code

ErrorText plain_error(std::string_view code, std::string message, std::string hint = {}) {
    return {std::string(code), std::move(message), "", std::move(hint)};
}

} // namespace

Gateway::Gateway(EventLoop loop, const Config& config)
    : loop_(loop),
      config_(config), link_settings_{config.database, config.connect_timeout_ms, config.reconnect_max_ms},
      directory_(loop, link_settings_, {[this] { database_changed(); }, [this] { worlds_listed(); }}),
      acts_(loop, config, link_settings_,
            {[this] { database_changed(); },
             [this](const Act& act, const ActAnswer& answer) { answered(act, answer); }}),
      sweep_timer_(loop, [this] { sweep(); }) {}

void Gateway::start() {
    directory_.start();
    acts_.start();
    sweep_timer_.start(sweep_ms);
}

bool Gateway::has_room() const {
    return !draining_ && sessions_.size() < static_cast<std::size_t>(config_.max_connections);
}

Readiness Gateway::readiness() const {
    if (draining_)
        return {false, "stopping"};
    if (!directory_.problem().empty())
        return {false, directory_.problem()};
    if (!database_ok_)
        return {false, "not every database connection is up"};
    std::string problem = "no world is followed yet";
    for (const auto& [world, follower] : feeds_) {
        if (follower.feed->ready())
            return {true, ""};
        problem = follower.feed->problem();
    }
    return {false, problem};
}

void Gateway::opened(Session& session) {
    session.name = new_session_name();
    sessions_.emplace(session.id, &session);
    log(LogLevel::debug, "session opened", {{"session", session.name}});
}

void Gateway::closed(Session& session) {
    log(LogLevel::debug, "session closed", {{"session", session.name}});
    sessions_.erase(session.id);
    if (!session.lane)
        return;
    const auto holder = holders_.find(session.lane->actor);
    if (holder != holders_.end() && holder->second == &session)
        holders_.erase(holder);
    if (session.lane.use_count() == 1)
        lanes_.erase(session.lane->actor);
}

void Gateway::received(Session& session, std::string_view text) {
    session.received_ms = now_ms();
    const ClientMessage message = parse_client_message(text);
    const bool may_be_early =
        std::holds_alternative<HelloMessage>(message) || std::holds_alternative<MalformedMessage>(message);
    if (session.phase == Phase::greeting && !may_be_early)
        refuse(session, gateway_error::early, "the first message must be hello", close_code::early);
    else
        std::visit([&](const auto& kind) { on(session, kind); }, message);
}

void Gateway::received_binary(Session& session) {
    session.received_ms = now_ms();
    on(session, MalformedMessage{"messages must be text, not binary"});
}

void Gateway::received_too_big(Session& session) {
    refuse(session, gateway_error::too_big,
           "a message is larger than " + std::to_string(config_.max_message_bytes) +
               " bytes (--max-message-bytes)",
           close_code::too_big);
}

void Gateway::on(Session& session, const HelloMessage& message) {
    if (session.phase != Phase::greeting) {
        on(session, MalformedMessage{"hello was said already"});
        return;
    }
    if (message.protocol != protocol_version) {
        refuse(session, gateway_error::unsupported_protocol, "this gateway speaks protocol 1",
               close_code::unsupported_protocol);
        return;
    }
    // A token that was never given out would let a client choose a weak secret: such a client is a new
    // player.
    session.token = message.token && is_token(*message.token) ? *message.token : new_token();
    session.wanted_world = message.world;
    session.phase = Phase::opening;
    take_over(session);
    tell_status(session);
    try_open(session);
}

// The newest connection of a token is the one that counts.
void Gateway::take_over(Session& session) {
    const std::string actor = actor_of(session.token);
    Session*& holder = holders_[actor];
    if (holder)
        close(*holder, close_code::taken_over, "another connection took over this token");
    holder = &session;
    std::weak_ptr<ActLane>& known = lanes_[actor];
    session.lane = known.lock();
    if (!session.lane) {
        session.lane = std::make_shared<ActLane>();
        session.lane->actor = actor;
        known = session.lane;
    }
}

void Gateway::on(Session& session, const ActMessage& message) {
    const auto fail = [&](std::string_view code, std::string text, std::string hint) {
        session.reply(error_text(message.seq, plain_error(code, std::move(text), std::move(hint))));
    };
    if (!session.rate.take(now_ms()))
        fail(gateway_error::rate_limited,
             "more than " + std::to_string(config_.acts_per_second) + " acts per second",
             "The setting is --acts-per-second.");
    else if (session.pending_acts >= config_.max_pending_acts)
        fail(gateway_error::too_many_waiting, "too many acts wait for an answer",
             "The setting is --max-pending-acts.");
    else if (!database_ok_for(session) || session.phase != Phase::open)
        fail(gateway_error::database_lost, "the database is not reachable, nothing was applied",
             "Send the act again with the same seq.");
    else if (acts_.full())
        fail(gateway_error::too_many_waiting, "too many acts of all players wait for the database",
             "The setting is --max-waiting-acts.");
    else {
        ++session.pending_acts;
        acts_.add({session.id, session.lane, session.feed->world(), message.seq, message.action,
                   message.args_json});
    }
}

void Gateway::on(Session& session, const ResyncMessage&) {
    session.stale = true;
    session.outbox.drop_states();
    try_snapshot(session);
}

void Gateway::on(Session& session, const PingMessage& message) {
    const std::uint64_t tick = session.feed ? session.feed->tick() : 0;
    session.reply(pong_text(message.nonce_json, message.time_json, tick));
}

void Gateway::on(Session& session, const UnknownMessage& message) {
    session.reply(error_text(
        {}, plain_error(gateway_error::unknown_type, "unknown message type '" + message.type + "'")));
}

void Gateway::on(Session& session, const MalformedMessage& message) {
    if (++session.malformed >= malformed_until_close)
        refuse(session, gateway_error::malformed, message.reason, close_code::malformed);
    else
        session.reply(error_text({}, plain_error(gateway_error::malformed, message.reason)));
}

void Gateway::refuse(Session& session, std::string_view code, std::string message, int closing_code) {
    session.reply(error_text({}, plain_error(code, message)));
    close(session, closing_code, std::move(message));
}

void Gateway::close(Session& session, int code, std::string reason) {
    if (session.phase == Phase::closing)
        return;
    session.phase = Phase::closing;
    session.close_code = code;
    session.close_reason = std::move(reason);
    session.outbox.drop_states();
    // Also ends a connection whose client reads nothing, not even the close.
    lws_set_timeout(session.wsi, PENDING_TIMEOUT_CLOSE_SEND, seconds_to_close);
    session.want_write();
}

void Gateway::try_open(Session& session) {
    if (session.phase != Phase::opening || !directory_.listed())
        return;
    const auto& worlds = directory_.worlds();
    const WorldInfo* world = session.wanted_world ? directory_.find(*session.wanted_world)
                             : worlds.empty()     ? nullptr
                                                  : &worlds.front();
    if (!world) {
        if (session.looked_again) {
            close(session, close_code::no_such_world, "no such world");
        } else {
            session.looked_again = true;
            directory_.refresh();
        }
        return;
    }
    session.feed = follow(world->id);
    if (!session.feed) {
        close(session, close_code::timeout, "the gateway follows as many worlds as --max-worlds allows");
        return;
    }
    tell_status(session);
    if (!session.feed->ready())
        return;
    session.phase = Phase::open;
    session.stale = true;
    session.reply(hello_text(session.name, session.token, *world,
                             {session.feed->tick(), session.feed->durable_tick()},
                             session.feed->description(), config_));
}

void Gateway::deliver(Session& session, const codec::StateMessage& message, const SharedText& text) {
    const bool applies = message.kind == codec::StateMessageKind::delta && !session.stale &&
                         session.state_tick == message.base_tick;
    const std::size_t limit = static_cast<std::size_t>(config_.max_queued_bytes);
    if (applies && session.outbox.queued_bytes() + text->size() <= limit) {
        push_state(session, text, message.tick);
        return;
    }
    if (!session.stale)
        log(LogLevel::debug, "session gets a snapshot", {{"session", session.name}});
    session.stale = true;
    session.outbox.drop_states();
    try_snapshot(session);
}

void Gateway::try_snapshot(Session& session) {
    if (session.phase != Phase::open || !session.stale || !database_ok_for(session) ||
        !session.feed->ready() || !session.outbox.empty())
        return;
    session.stale = false;
    push_state(session, session.feed->snapshot_text(), session.feed->changed_tick());
}

void Gateway::push_state(Session& session, SharedText text, std::uint64_t tick) {
    const auto in_flight = static_cast<std::uint64_t>(session.lane->in_flight);
    session.state_tick = tick;
    session.outbox.push_state(std::move(text), session.answered_acts + in_flight, now_ms() + hold_ms);
    session.want_write();
}

void Gateway::sent(Session& session) {
    try_snapshot(session);
}

void Gateway::answered(const Act& act, const ActAnswer& answer) {
    const auto found = sessions_.find(act.session);
    if (found == sessions_.end() || found->second->phase == Phase::closing)
        return;
    Session& session = *found->second;
    --session.pending_acts;
    session.outbox.set_answered(++session.answered_acts);
    if (answer.error.code.empty())
        session.reply(ack_text(act.seq, answer.tick, answer.result_json));
    else
        session.reply(error_text(act.seq, answer.error));
}

void Gateway::worlds_listed() {
    std::vector<std::int64_t> gone;
    for (const auto& [world, follower] : feeds_)
        if (!directory_.find(world))
            gone.push_back(world);
    std::for_each(gone.begin(), gone.end(), [this](std::int64_t world) { drop_feed(world); });
    // The lowest world is always followed: /readyz tells whether one can be.
    if (!directory_.worlds().empty())
        follow(directory_.worlds().front().id);
    for (const auto& [id, session] : sessions_)
        try_open(*session);
}

void Gateway::drop_feed(std::int64_t world) {
    const auto found = feeds_.find(world);
    for (const auto& [id, session] : sessions_) {
        if (session->feed != found->second.feed.get())
            continue;
        session->feed = nullptr;
        close(*session, close_code::no_such_world, "the world is gone");
    }
    feeds_.erase(found);
    database_changed();
}

WorldFeed* Gateway::follow(std::int64_t world) {
    const auto found = feeds_.find(world);
    if (found != feeds_.end()) {
        found->second.used_ms = now_ms();
        return found->second.feed.get();
    }
    if (feeds_.size() >= static_cast<std::size_t>(config_.max_worlds))
        return nullptr;
    WorldFeed::Events events = {[this](WorldFeed&) { database_changed(); },
                                [this](WorldFeed& feed, const codec::StateMessage& message,
                                       const SharedText& text) { feed_changed(feed, message, text); },
                                [this](WorldFeed& feed) { feed_became_durable(feed); }};
    auto feed = std::make_unique<WorldFeed>(loop_, config_, link_settings_, world, std::move(events));
    WorldFeed* result = feed.get();
    feeds_.emplace(world, Follower{std::move(feed), now_ms()});
    result->start();
    return result;
}

void Gateway::feed_changed(WorldFeed& feed, const codec::StateMessage& message, const SharedText& text) {
    for (const auto& [id, session] : sessions_) {
        if (session->feed != &feed)
            continue;
        if (session->phase == Phase::opening)
            try_open(*session);
        else if (session->phase == Phase::open)
            deliver(*session, message, text);
    }
}

// Who waits for a snapshot reads it there.
void Gateway::feed_became_durable(WorldFeed& feed) {
    const SharedText text = durable_text(feed.changed_tick());
    for (const auto& [id, session] : sessions_)
        if (session->feed == &feed && session->phase == Phase::open && !session->stale)
            session->reply(text);
}

void Gateway::database_changed() {
    const bool ok = directory_.up() && acts_.up();
    if (ok != database_ok_)
        log(ok ? LogLevel::info : LogLevel::warn,
            ok ? "the database is reachable" : "the database is not reachable");
    database_ok_ = ok;
    for (const auto& [id, session] : sessions_)
        tell_status(*session);
}

// For a client the database is there when its own world is.
bool Gateway::database_ok_for(const Session& session) const {
    return database_ok_ && !(session.feed && session.feed->lost());
}

void Gateway::tell_status(Session& session) {
    const bool ok = database_ok_for(session);
    if (ok == session.database_ok || (session.phase != Phase::open && session.phase != Phase::opening))
        return;
    session.database_ok = ok;
    session.stale = true;
    session.outbox.drop_states();
    session.reply(status_text(ok, ok ? "the database is back" : lost_message));
}

void Gateway::sweep() {
    const std::int64_t now = now_ms();
    for (const auto& [id, session] : sessions_) {
        if (session->phase == Phase::greeting && now - session->opened_ms >= config_.hello_timeout_ms)
            close(*session, close_code::timeout, "no hello in time");
        else if (now - session->received_ms >= config_.idle_timeout_ms)
            close(*session, close_code::timeout, "idle for too long");
        else if (session->outbox.holds_states())
            session->want_write();
        if (session->feed)
            feeds_.at(session->feed->world()).used_ms = now;
    }
    for (auto entry = feeds_.begin(); entry != feeds_.end();) {
        const bool lowest = !directory_.worlds().empty() && directory_.worlds().front().id == entry->first;
        const bool unused = now - entry->second.used_ms > config_.world_linger_ms;
        entry = unused && !lowest ? feeds_.erase(entry) : std::next(entry);
    }
    std::erase_if(lanes_, [](const auto& entry) { return entry.second.expired(); });
    sweep_timer_.start(sweep_ms);
}

void Gateway::drain() {
    draining_ = true;
    for (const auto& [id, session] : sessions_)
        close(*session, close_code::going_away, "the gateway is stopping");
}

} // namespace gamelan::gateway
