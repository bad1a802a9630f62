#include "gateway/directory.hpp"

#include "gateway/log.hpp"

#include <algorithm>
#include <cstdlib>

namespace gamelan::gateway {
namespace {

constexpr std::int64_t refresh_ms = 2'000;
constexpr std::int64_t answer_timeout_ms = 10'000;

constexpr const char* list_statement = "SELECT id, name, game, state, to_jsonb(tick_rate), coalesce(config, "
                                       "'{}'::jsonb) FROM game.world ORDER BY id "
                                       "LIMIT 1024";

WorldInfo read_row(const PGresult* result, int row) {
    const auto text = [&](int column) { return std::string(PQgetvalue(result, row, column)); };
    return {std::atoll(PQgetvalue(result, row, 0)), text(1), text(2), text(3), text(4), text(5)};
}

} // namespace

Directory::Directory(EventLoop loop, LinkSettings settings, Events events)
    : events_(std::move(events)), link_(loop, std::move(settings), "directory", LinkMode::plain, *this),
      timer_(loop, [this] { ask(); }) {}

const WorldInfo* Directory::find(std::int64_t id) const {
    const auto found =
        std::find_if(worlds_.begin(), worlds_.end(), [id](const WorldInfo& world) { return world.id == id; });
    return found == worlds_.end() ? nullptr : &*found;
}

void Directory::refresh() {
    if (asking_)
        ask_again_ = true;
    else
        ask();
}

void Directory::ask() {
    if (!link_.up() || asking_)
        return;
    timer_.stop();
    asking_ = true;
    ask_again_ = false;
    link_.send(list_statement, {}, ResultFormat::text, answer_timeout_ms);
}

void Directory::on_link_up() {
    events_.link_changed();
    ask();
}

void Directory::on_link_down() {
    timer_.stop();
    listed_ = asking_ = ask_again_ = false;
    problem_ = "the database is not reachable";
    events_.link_changed();
}

void Directory::on_result(PgResult result) {
    asking_ = false;
    if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) {
        worlds_.clear();
        for (int row = 0; row < std::min(PQntuples(result.get()), max_listed_worlds); ++row)
            worlds_.push_back(read_row(result.get(), row));
        listed_ = true;
        problem_ = worlds_.empty() ? "the database has no world" : "";
    } else {
        listed_ = false;
        problem_ = "the worlds cannot be listed";
        log(LogLevel::error, problem_, {{"reason", PQresultErrorMessage(result.get())}});
    }
    timer_.start(refresh_ms);
    if (ask_again_)
        ask();
    else if (listed_)
        events_.listed();
}

} // namespace gamelan::gateway
