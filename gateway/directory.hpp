// The worlds of the database, read again every other second: which there are, and whether the database
// answers.
#pragma once

#include "gateway/config.hpp"
#include "gateway/database_link.hpp"
#include "gateway/server_messages.hpp"

#include <functional>
#include <vector>

namespace gamelan::gateway {

inline constexpr int max_listed_worlds = 1024;

class Directory : private LinkOwner {
  public:
    struct Events {
        std::function<void()> link_changed; // up() changed
        std::function<void()> listed;       // a new list has arrived
    };

    Directory(EventLoop loop, LinkSettings settings, Events events);

    void start() { link_.start(); }
    bool up() const { return link_.up(); }

    // True when a list has arrived since the connection came up.
    bool listed() const { return listed_; }
    // By ascending id; kept while the database is away.
    const std::vector<WorldInfo>& worlds() const { return worlds_; }
    const WorldInfo* find(std::int64_t id) const;
    // Why there is no list; empty when there is one.
    const std::string& problem() const { return problem_; }

    // Reads the list again now; `listed` follows, with a list that was begun after this call.
    void refresh();

  private:
    void on_link_up() override;
    void on_link_down() override;
    void on_result(PgResult result) override;
    void ask();

    Events events_;
    DatabaseLink link_;
    Timer timer_;
    std::vector<WorldInfo> worlds_;
    std::string problem_ = "the database was not reached yet";
    bool listed_ = false;
    bool asking_ = false;
    bool ask_again_ = false;
};

} // namespace gamelan::gateway
