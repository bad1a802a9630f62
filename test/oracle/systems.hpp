// Random systems, each played three times on the same rows: by kernels, by PostgreSQL's executor in the world
// worker, and as a plain procedure over ordinary tables. All three must leave the same rows and tell the same
// events, or fail with the same SQLSTATE. Up to three systems run in a tick, and one that fails loses its
// writes only.
#pragma once

#include "test/oracle/bodies.hpp"
#include "test/oracle/session.hpp"

#include <map>

namespace gamelan::oracle {

struct SystemCounts {
    std::uint64_t cases = 0;
    std::uint64_t systems = 0;
    std::uint64_t compiled = 0;
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
    static constexpr std::size_t systems = 3; // in a tick, one after the other

    // Codes of a system: SQLSTATEs, empty where it succeeded.
    struct Outcome {
        std::string codes[3];
        std::string failed_entity; // as the kernel's failure names it
    };

    // --- system_worlds.cpp: the same declarations and rows for all three
    void declare();
    void add_table(bool is_of_cells);
    HotColumn new_column(const std::string& number, bool is_of_cells, std::string& definition);
    void make_worlds();
    void make_systems();
    void make_context();
    void make_places();
    void fill(const HotTable& table);
    std::string values_for(const HotTable& table);
    // How a handle that the kernel's world has is called in the player's.
    std::string of_player(int player, const std::string& handle, bool is_cell) const;
    std::string columns_of(const HotTable& table, int player) const;
    void prepare_tick(std::int64_t tick);

    // --- systems.cpp
    void install(std::size_t place, const std::string& sql);
    void note_path(std::size_t place);
    std::int64_t play_world(int player);
    void read_error(int player, std::size_t place, Outcome& out);
    void play_tables(std::vector<Outcome>& outcomes);
    bool may_fail_with(std::size_t place, const Outcome& outcome);
    bool fails_when_all_are_like(std::size_t place, const HotTable& table, const Outcome& outcome);
    void compare_codes(std::size_t place, const Outcome& outcome);
    void compare_rows(const HotTable& table);
    void compare_events();
    void compare_told();
    void compare_causes(const std::string& table);
    void add_table_of_events();
    [[noreturn]] void differ(const std::string& what);

    Pair& pair_;
    Random random_;
    SystemCounts& counts_;
    HotSchema schema_;
    Bodies bodies_;
    std::vector<Body> played_; // in this tick
    std::int64_t world_[worlds] = {};
    std::int64_t cell_distance_ = 0; // from a cell of the kernel's world to the executor's
    std::int64_t tick_ = 0;
};

} // namespace gamelan::oracle
