// One libpq connection that lives in the event loop: connects without blocking, comes back by itself with
// capped, jittered back-off, and gives results to its owner as they arrive. Only the loop's thread may use
// it.
#pragma once

#include "gateway/event_loop.hpp"

#include <libpq-fe.h>

#include <initializer_list>
#include <memory>
#include <optional>
#include <random>
#include <string>

namespace gamelan::gateway {

struct PgConnDelete {
    void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct PgResultDelete {
    void operator()(PGresult* result) const { PQclear(result); }
};
using PgConn = std::unique_ptr<PGconn, PgConnDelete>;
using PgResult = std::unique_ptr<PGresult, PgResultDelete>;

// True when an SQLSTATE says that the server or the connection, not the statement, is at fault: class 08, and
// the server's own stops (57P01 to 57P05).
bool is_connection_error(std::string_view sqlstate);

enum class LinkMode { plain, pipeline };
enum class ResultFormat { text = 0, binary = 1 };

class LinkOwner {
  public:
    virtual ~LinkOwner() = default;
    virtual void on_link_up() = 0;
    virtual void on_link_down() = 0;
    // Each result in order; in pipeline mode the PGRES_PIPELINE_SYNC of a statement comes after its result.
    virtual void on_result(PgResult result) = 0;
};

struct LinkSettings {
    std::string conninfo;
    std::int64_t connect_timeout_ms;
    std::int64_t reconnect_max_ms;
};

class DatabaseLink : public DescriptorHandler {
  public:
    // `name` is for the log and the server's application_name.
    DatabaseLink(EventLoop loop, LinkSettings settings, std::string name, LinkMode mode, LinkOwner& owner);

    // Starts connecting; from then on the link keeps itself up until it is destroyed.
    void start();
    bool up() const { return state_ == State::up; }

    // Sends one statement with text parameters (nullptr is null). In plain mode one at a time; in pipeline
    // mode a sync follows each. If no answer has come after `timeout_ms`, or sending fails, the connection is
    // given up.
    void send(const char* sql, std::initializer_list<const char*> parameters, ResultFormat format,
              std::int64_t timeout_ms);

    // Gives the connection up and makes a new one after the back-off.
    void fail(std::string_view reason);

  private:
    enum class State { waiting, connecting, up };

    void on_readable() override;
    void on_writable() override;
    void on_unwatched() override { fail("the event loop dropped the connection"); }
    void connect();
    void continue_connect();
    void watch(bool for_write);
    void came_up();
    void read_results();
    bool next_result();
    void take_result(PgResult result);
    void flush();
    void on_timer();

    EventLoop loop_;
    LinkSettings settings_;
    std::string name_;
    LinkMode mode_;
    LinkOwner& owner_;
    State state_ = State::waiting;
    PgConn connection_;
    bool after_null_ = false; // pipeline mode: the latest of libpq's results was null
    PgResult held_;           // plain mode: of the statement whose end has not come yet
    std::uint64_t generation_ =
        0; // of the connection; a callback that changes it ends the loop that called it
    std::unique_ptr<DescriptorWatch> watch_;
    int outstanding_ = 0;         // statements without their last result
    std::int64_t timeout_ms_ = 0; // of the latest statement
    int failures_ = 0;
    std::minstd_rand random_;
    Timer timer_; // waiting: reconnect; connecting: give up; up: an answer is overdue
};

} // namespace gamelan::gateway
