#include "gateway/database_link.hpp"

#include "gateway/log.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace gamelan::gateway {
namespace {

constexpr std::int64_t first_pause_ms = 50;
constexpr int max_doublings = 20;

std::string_view first_line(std::string_view text) {
    return text.substr(0, text.find('\n'));
}

} // namespace

bool is_connection_error(std::string_view sqlstate) {
    return sqlstate.starts_with("08") || sqlstate.starts_with("57P0");
}

DatabaseLink::DatabaseLink(EventLoop loop, LinkSettings settings, std::string name, LinkMode mode,
                           LinkOwner& owner)
    : loop_(loop), settings_(std::move(settings)), name_(std::move(name)), mode_(mode), owner_(owner),
      random_(std::random_device{}()), timer_(loop, [this] { on_timer(); }) {}

void DatabaseLink::start() {
    timer_.start(0);
}

void DatabaseLink::on_timer() {
    if (state_ == State::waiting)
        connect();
    else
        fail(state_ == State::connecting ? "connecting took too long" : "an answer took too long");
}

void DatabaseLink::connect() {
    const std::string application = "gamelan-gateway " + name_;
    // Later parameters win: what the operator's string sets stays, except the name.
    const char* keywords[] = {"dbname", "application_name", "client_encoding", nullptr};
    const char* values[] = {settings_.conninfo.c_str(), application.c_str(), "UTF8", nullptr};
    ++generation_;
    connection_.reset(PQconnectStartParams(keywords, values, 1));
    state_ = State::connecting;
    if (!connection_ || PQstatus(connection_.get()) == CONNECTION_BAD) {
        fail(connection_ ? PQerrorMessage(connection_.get()) : "out of memory");
        return;
    }
    timer_.start(settings_.connect_timeout_ms);
    watch(true);
}

// While connecting, libpq may change its socket at every step: watch anew each time.
void DatabaseLink::watch(bool for_write) {
    try {
        watch_ = std::make_unique<DescriptorWatch>(loop_, PQsocket(connection_.get()), *this);
        if (for_write)
            watch_->want_write();
    } catch (const std::runtime_error& error) {
        fail(error.what());
    }
}

void DatabaseLink::continue_connect() {
    switch (PQconnectPoll(connection_.get())) {
    case PGRES_POLLING_READING:
        watch(false);
        break;
    case PGRES_POLLING_WRITING:
        watch(true);
        break;
    case PGRES_POLLING_OK:
        came_up();
        break;
    default:
        fail(PQerrorMessage(connection_.get()));
    }
}

void DatabaseLink::came_up() {
    PGconn* connection = connection_.get();
    const bool pipeline = mode_ == LinkMode::pipeline;
    if (PQsetnonblocking(connection, 1) != 0 || (pipeline && PQenterPipelineMode(connection) != 1)) {
        fail(PQerrorMessage(connection));
        return;
    }
    watch(false);
    if (state_ != State::connecting)
        return;
    timer_.stop();
    outstanding_ = 0;
    held_.reset();
    after_null_ = false;
    state_ = State::up;
    log(LogLevel::info, "database connection is up", {{"link", name_}});
    owner_.on_link_up();
}

void DatabaseLink::on_readable() {
    if (state_ == State::connecting)
        continue_connect();
    else if (state_ == State::up)
        read_results();
}

void DatabaseLink::on_writable() {
    if (state_ == State::connecting)
        continue_connect();
    else if (state_ == State::up)
        flush();
}

// Hands one result on. False when nothing more has arrived.
bool DatabaseLink::next_result() {
    if (PQisBusy(connection_.get()) != 0)
        return false;
    PgResult result(PQgetResult(connection_.get()));
    if (mode_ == LinkMode::pipeline) {
        // One null parts two statements, two in a row mean that nothing is there.
        const bool nothing_there = !result && after_null_;
        after_null_ = !result;
        if (result)
            take_result(std::move(result));
        return !nothing_there;
    }
    // A plain connection takes the next statement only after the null that ends the one before.
    if (result) {
        held_ = std::move(result);
        return true;
    }
    if (!held_)
        return false;
    take_result(std::exchange(held_, nullptr));
    return true;
}

void DatabaseLink::read_results() {
    const std::uint64_t generation = generation_;
    const bool alive = PQconsumeInput(connection_.get()) == 1;
    const std::string reason = alive ? "" : PQerrorMessage(connection_.get());
    while (generation == generation_ && next_result())
        ;
    if (generation != generation_)
        return;
    if (!alive || PQstatus(connection_.get()) == CONNECTION_BAD)
        fail(alive ? PQerrorMessage(connection_.get()) : reason);
    else
        flush();
}

void DatabaseLink::take_result(PgResult result) {
    const ExecStatusType status = PQresultStatus(result.get());
    const char* sqlstate = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    const bool failed = status == PGRES_FATAL_ERROR && (!sqlstate || is_connection_error(sqlstate));
    if (failed) {
        fail(PQresultErrorMessage(result.get()));
        return;
    }
    failures_ = 0; // a server that takes connections but answers nothing is not back
    if (mode_ == LinkMode::plain || status == PGRES_PIPELINE_SYNC) {
        if (--outstanding_ == 0)
            timer_.stop();
        else
            timer_.start(timeout_ms_);
    }
    owner_.on_result(std::move(result));
}

void DatabaseLink::send(const char* sql, std::initializer_list<const char*> parameters, ResultFormat format,
                        std::int64_t timeout_ms) {
    if (state_ != State::up)
        return;
    PGconn* connection = connection_.get();
    const int sent = PQsendQueryParams(connection, sql, static_cast<int>(parameters.size()), nullptr,
                                       std::data(parameters), nullptr, nullptr, static_cast<int>(format));
    if (sent != 1 || (mode_ == LinkMode::pipeline && PQpipelineSync(connection) != 1)) {
        fail(PQerrorMessage(connection));
        return;
    }
    timeout_ms_ = timeout_ms;
    if (outstanding_++ == 0)
        timer_.start(timeout_ms);
    flush();
}

void DatabaseLink::flush() {
    const int left = PQflush(connection_.get());
    if (left < 0)
        fail(PQerrorMessage(connection_.get()));
    else if (left > 0)
        watch_->want_write();
}

void DatabaseLink::fail(std::string_view reason) {
    if (state_ == State::waiting)
        return;
    const bool was_up = state_ == State::up;
    log(LogLevel::warn, was_up ? "database connection lost" : "database connection failed",
        {{"link", name_}, {"reason", first_line(reason)}});
    state_ = State::waiting;
    ++generation_;
    watch_.reset();
    connection_.reset();
    const std::int64_t pause_ms =
        std::min(settings_.reconnect_max_ms, first_pause_ms << std::min(failures_, max_doublings));
    ++failures_;
    // Half of the pause is random, so that many gateways do not come back in step.
    timer_.start(pause_ms / 2 +
                 static_cast<std::int64_t>(random_() % static_cast<unsigned>(pause_ms / 2 + 1)));
    if (was_up)
        owner_.on_link_down();
}

} // namespace gamelan::gateway
