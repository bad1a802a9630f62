// Random systems, each played three times on the same rows: by kernels, by PostgreSQL's executor in the world
// worker, and as a plain procedure over ordinary tables. All three must leave the same rows and tell the same
// events, or fail with the same SQLSTATE.
#pragma once

#include "test/oracle/bodies.hpp"
#include "test/oracle/session.hpp"

#include <map>

namespace gamelan::oracle {

struct SystemCounts {
    std::uint64_t cases = 0;
    std::uint64_t compiled = 0;
    std::uint64_t failed = 0;
    std::uint64_t rows = 0;
    std::map<std::string, std::uint64_t> reasons; // why not compiled
    std::map<std::string, std::uint64_t> errors;  // by SQLSTATE
};

class SystemRound {
  public:
    // `pair`: the sessions of "hot" components and of their twins, with other search paths than theirs.
    SystemRound(Pair& pair, std::uint64_t seed, SystemCounts& counts);
    void begin();
    // Throws Difference.
    void step();

  private:
    enum Player { kernel = 0, executor = 1, heap = 2 };
    static constexpr int worlds = 2;

    void declare();
    void add_table(bool is_of_cells);
    void make_worlds();
    void make_context();
    void fill(const HotTable& table);
    void prepare_chance(std::int64_t tick, const Body& body);
    void install(const Body& body);
    void note_path();
    // The SQLSTATE, or nothing.
    std::string play_world(int player, std::int64_t& tick);
    std::string play_table(const std::string& procedure);
    std::string error_of(int player, std::int64_t tick);
    bool may_fail_with(const std::string& code);
    void compare(const Body& body, const std::string codes[3]);
    void compare_rows(const HotTable& table, const Body& body);
    void compare_events(std::int64_t tick, const Body& body);
    // How a handle that the kernel's world has is called in the player's.
    std::string of_player(int player, const std::string& handle, bool is_cell) const;
    std::string columns_of(const HotTable& table, int player) const;
    std::string body_of(const std::string& sql, const char* functions) const;
    [[noreturn]] void differ(const Body& body, const std::string& what);

    Pair& pair_;
    Random random_;
    SystemCounts& counts_;
    HotSchema schema_;
    Bodies bodies_;
    std::int64_t world_[worlds] = {};
    std::int64_t cell_distance_ = 0; // from a cell of the kernel's world to the executor's
    std::int64_t tick_ = 0;
    std::string failed_entity_; // as the kernel's failure names it
};

} // namespace gamelan::oracle
