// Two sessions that are asked the same: one sees components, the other ordinary tables of the same names.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace gamelan::oracle {

struct Statement {
    std::string sql;
    std::vector<std::optional<std::string>> parameters = {};
    bool is_prepared = false; // by name, and executed several times
    std::string copied = {};  // data of COPY FROM STDIN
    std::string text() const; // for people, long values cut
};

struct Answer {
    std::string sqlstate; // empty = success
    std::string message;
    std::string tag; // INSERT 0 1
    std::vector<std::string> rows;
    bool operator==(const Answer&) const = default;
};

enum class Order { any, total };
enum class Errors {
    equal,     // SQLSTATEs must be equal
    both_fail, // which of several errors comes first is not defined
};

// The two sides disagree; the message says what they were asked, and answered.
struct Difference : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Session {
  public:
    Session(std::string connection, std::string search_path);
    void send(const Statement& statement);
    Answer receive();
    Answer ask(const Statement& statement);
    // Throws Difference when it fails.
    std::vector<std::string> must(const std::string& sql);
    void reconnect();

  private:
    void read(PGresult* result, Answer& out);
    void copy_in();
    void copy_out(Answer& out);

    std::string connection_;
    std::string search_path_;
    std::unique_ptr<PGconn, decltype(&PQfinish)> server_{nullptr, PQfinish};
    std::string copied_;
    int prepared_ = 0;
};

class Pair {
  public:
    Pair(const std::string& connection)
        : hot(connection, "hot, cold, game"), twin(connection, "twin, cold") {}

    // The same statement on both, or two that mean the same; returns the hot answer when they agree.
    Answer ask(const Statement& statement, Order order = Order::any, Errors errors = Errors::equal);
    Answer ask(const Statement& on_hot, const Statement& on_twin, Order order = Order::any,
               Errors errors = Errors::equal);
    // The same, kept to print when something differs later.
    Answer change(const Statement& statement, Errors errors = Errors::equal);
    Answer change(const Statement& on_hot, const Statement& on_twin, Errors errors = Errors::equal);
    void note(std::string text) { history.push_back(std::move(text)); }

    Session hot;
    Session twin;
    std::vector<std::string> history;
    // What was compared so far.
    std::uint64_t answers = 0;
    std::uint64_t rows = 0;
    std::map<std::string, std::uint64_t> refusals; // by SQLSTATE
};

} // namespace gamelan::oracle
