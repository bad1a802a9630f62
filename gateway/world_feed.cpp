#include "gateway/world_feed.hpp"

#include "core/codec/state_json.hpp"
#include "gateway/log.hpp"

#include <algorithm>

namespace gamelan::gateway {
namespace {

constexpr std::int64_t retry_ms = 500;
constexpr std::int64_t answer_grace_ms = 10'000; // beyond the wait that was asked for

constexpr std::int64_t durable_poll_ms = 50; // while clients know more than is durable

// A bigint in binary format.
std::uint64_t read_bigint(const PGresult* result, int column) {
    std::uint64_t out = 0;
    for (int i = 0; i < 8; ++i)
        out = out << 8 | static_cast<unsigned char>(PQgetvalue(result, 0, column)[i]);
    return out;
}

} // namespace

WorldFeed::WorldFeed(EventLoop loop, const Config& config, LinkSettings settings, std::int64_t world,
                     Events events)
    : world_(world), poll_wait_ms_(config.poll_wait_ms), events_(std::move(events)),
      link_(loop, std::move(settings), "world " + std::to_string(world), LinkMode::plain, *this),
      retry_(loop, [this] { ask(); }), state_(static_cast<std::size_t>(config.max_state_bytes)) {}

std::string WorldFeed::problem() const {
    return ready() ? std::string() : problem_;
}

SharedText WorldFeed::snapshot_text() {
    if (!snapshot_) {
        codec::StateMessage message = state_.snapshot();
        message.tick = message.base_tick = changed_tick_;
        snapshot_ = json_of(message);
    }
    return snapshot_;
}

void WorldFeed::on_link_up() {
    ask();
}

void WorldFeed::on_link_down() {
    retry_.stop();
    become_unavailable("the database is not reachable");
}

void WorldFeed::ask() {
    const std::string world = std::to_string(world_);
    if (!description_) {
        link_.send("SELECT game.describe($1::bigint)::text", {world.c_str()}, ResultFormat::text,
                   answer_grace_ms);
        return;
    }
    const std::string since = state_.known() ? std::to_string(state_.tick()) : "-1";
    const std::string wait =
        std::to_string(is_ahead() ? std::min(poll_wait_ms_, durable_poll_ms) : poll_wait_ms_);
    // In this order, so that the second tells of what the first waited for.
    link_.send("SELECT game.changes($1::bigint, $2::bigint, $3::int), game.durable_tick($1::bigint)",
               {world.c_str(), since.c_str(), wait.c_str()}, ResultFormat::binary,
               poll_wait_ms_ + answer_grace_ms);
}

void WorldFeed::on_result(PgResult result) {
    if (PQresultStatus(result.get()) != PGRES_TUPLES_OK)
        retry_later(PQresultErrorMessage(result.get()));
    else if (!description_)
        take_description(result.get());
    else
        take_changes(result.get());
}

void WorldFeed::take_description(const PGresult* result) {
    if (PQntuples(result) == 1 && !PQgetisnull(result, 0, 0))
        description_ = read_description(PQgetvalue(result, 0, 0));
    if (description_)
        ask();
    else
        retry_later("game.describe gave no description");
}

void WorldFeed::take_changes(const PGresult* result) {
    if (PQntuples(result) != 1 || PQnfields(result) != 2 || PQgetlength(result, 0, 1) != 8) {
        retry_later("game.changes and game.durable_tick gave no row");
        return;
    }
    const std::uint64_t durable_tick = read_bigint(result, 1);
    if (PQgetisnull(result, 0, 0)) {
        note_durable(durable_tick);
        ask();
        return;
    }
    const auto* bytes = reinterpret_cast<const std::byte*>(PQgetvalue(result, 0, 0));
    const auto size = static_cast<std::size_t>(PQgetlength(result, 0, 0));
    codec::StateMessage message;
    const auto error = codec::decode_state_message({bytes, size}, message);
    if (error != codec::StateMessageError::none) {
        retry_later("state message refused: " + std::string(codec::name_of(error)));
        return;
    }
    durable_tick_ = std::min(durable_tick, message.tick);
    apply(message);
}

// Nothing changed meanwhile.
void WorldFeed::note_durable(std::uint64_t tick) {
    durable_tick_ = std::clamp(tick, durable_tick_, std::max(durable_tick_, tick_));
    if (!was_told_ahead_ || is_ahead())
        return;
    was_told_ahead_ = false;
    snapshot_.reset();
    events_.became_durable(*this);
}

SharedText WorldFeed::json_of(const codec::StateMessage& message) const {
    std::string text;
    codec::append_json(text, message);
    if (durable_tick_ < message.tick) {
        text.pop_back();
        text += ",\"durable_tick\":" + std::to_string(durable_tick_) + "}";
    }
    return std::make_shared<const std::string>(std::move(text));
}

void WorldFeed::apply(codec::StateMessage& message) {
    if (const char* problem = state_.apply(message)) {
        retry_later(problem);
        return;
    }
    const bool is_change = message.kind == codec::StateMessageKind::snapshot || !message.columns.empty();
    const std::uint64_t told_tick = changed_tick_;
    tick_ = message.tick;
    if (is_change)
        changed_tick_ = message.tick;
    // Ask first: the database works on the next tick while this one is told.
    ask();
    if (!state_.known())
        return; // the connection broke while asking
    if (!is_change) {
        note_durable(durable_tick_);
        return;
    }
    if (message.kind == codec::StateMessageKind::delta)
        message.base_tick = told_tick;
    was_told_ahead_ = is_ahead();
    snapshot_.reset();
    // Clients are told a column that got longer as a whole, so that they never meet a slot they do not have.
    for (codec::ColumnChange& change : message.columns)
        if (std::ranges::count(state_.lengthened(), change.name) > 0)
            change = state_.whole_column(change.name);
    const SharedText text = json_of(message);
    if (message.kind == codec::StateMessageKind::snapshot)
        snapshot_ = text;
    if (!problem_.empty()) {
        problem_.clear();
        was_ready_ = true;
        events_.availability_changed(*this);
    }
    events_.changed(*this, message, text);
}

void WorldFeed::retry_later(std::string_view reason) {
    log(LogLevel::error, "the world cannot be followed", {{"world", world_}, {"reason", reason}});
    retry_.start(retry_ms);
    become_unavailable("the world cannot be followed");
}

void WorldFeed::become_unavailable(std::string_view problem) {
    problem_ = problem;
    state_.forget();
    description_.reset();
    snapshot_.reset();
    durable_tick_ = 0;
    was_told_ahead_ = false;
    events_.availability_changed(*this);
}

} // namespace gamelan::gateway
