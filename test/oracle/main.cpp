// The differential oracle: random declarations, writes and queries are run on components and on ordinary
// tables with the same rows. Every answer, and every SQLSTATE, must be the same. See README.md.
#include "test/oracle/changes.hpp"
#include "test/oracle/queries.hpp"
#include "test/oracle/systems.hpp"
#include "test/oracle/writes.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace gamelan::oracle {
namespace {

constexpr std::uint64_t cases_a_round = 200; // then everything begins anew
constexpr std::uint64_t system_cases_a_round = 60;
constexpr std::size_t first_tables = 4;
constexpr std::size_t most_tables = 6;

struct Options {
    std::string connection;
    std::uint64_t seed = 0;
    std::uint64_t cases = 5000;
    std::string restart; // a command that restarts the server; empty = it stays up
    std::uint64_t rounds_between_restarts = 5;
    std::string mode = "components";
};

// Plans that the planner would not choose for such small tables.
void vary_plans(Random& random, Pair& pair) {
    pair.hot.must("RESET ALL");
    pair.hot.must("SET search_path = hot, cold, game");
    pair.hot.must("SET timezone = 'UTC'");
    pair.hot.must("SET client_min_messages = error");
    // The costs of what is switched off would make it compile every expression.
    pair.hot.must("SET jit = off");
    for (const char* setting : {"enable_hashjoin", "enable_mergejoin", "enable_nestloop", "enable_hashagg",
                                "enable_sort", "enable_memoize", "enable_material"})
        if (random.one_in(4))
            pair.hot.must("SET " + std::string(setting) + " = off");
    if (random.one_in(3))
        for (const char* setting :
             {"parallel_setup_cost = 0", "parallel_tuple_cost = 0", "min_parallel_table_scan_size = 0"})
            pair.hot.must("SET " + std::string(setting));
    if (random.one_in(10))
        pair.hot.must("SET force_parallel_mode = on");
    pair.hot.must("SET plan_cache_mode = " +
                  random.pick(std::vector<std::string>{"auto", "force_generic_plan", "force_custom_plan"}));
}

void run_cursor(Random& random, Queries& queries, Pair& pair) {
    const Query query = queries.for_cursor();
    const bool may_go_back = query.order == Order::total && random.one_in(2);
    const bool is_held = random.one_in(4);
    pair.ask({"BEGIN"});
    pair.ask({"DECLARE c " + std::string(may_go_back ? "SCROLL " : "") + "CURSOR " +
              (is_held ? "WITH HOLD " : "") + "FOR " + query.statement.sql});
    if (query.order == Order::total) {
        pair.ask({"FETCH " + std::to_string(random.below(20)) + " FROM c"}, Order::total);
        if (may_go_back)
            pair.ask({"FETCH BACKWARD " + std::to_string(random.below(10)) + " FROM c"}, Order::total);
    }
    if (is_held)
        pair.ask({"COMMIT"});
    pair.ask({"FETCH ALL FROM c"}, query.order);
    pair.ask({is_held ? "CLOSE c" : "COMMIT"});
}

class Round {
  public:
    Round(Pair& pair, std::uint64_t seed)
        : pair_(pair), random_(seed), changes_(random_, schema_, pair), writes_(random_, schema_, pair),
          queries_(random_, schema_) {}

    void begin() {
        pair_.history.clear();
        changes_.begin();
        vary_plans(random_, pair_);
        for (World& world : schema_.worlds)
            writes_.spawn(world, random_.between(30, 160));
        for (std::size_t i = 0; i < first_tables; ++i)
            add_table();
    }

    void step() {
        const std::size_t chance = random_.below(100);
        if (chance < 62) {
            const Query query = queries_.next();
            pair_.ask(query.statement, query.order);
        } else if (chance < 65) {
            run_cursor(random_, queries_, pair_);
        } else if (chance < 83) {
            writes_.statement();
        } else if (chance < 87) {
            writes_.transaction();
        } else if (chance < 90) {
            writes_.put();
        } else if (chance < 92) {
            writes_.guarded_update();
        } else if (chance < 94) {
            writes_.despawn();
            writes_.stale_handle();
        } else if (chance < 95) {
            vary_plans(random_, pair_);
        } else if (chance < 96 && schema_.tables.size() < most_tables) {
            add_table();
        } else {
            changes_.alter();
            // Sometimes the worlds have not heard of it yet when the next case comes.
            if (random_.percent(70))
                writes_.settle();
            writes_.compare_all();
        }
    }

    void check_everything() { writes_.compare_all(); }

  private:
    void add_table() {
        const Table& table = changes_.create_table();
        if (table.kind == Kind::entities)
            writes_.fill_table(table);
        else
            writes_.compare(table);
    }

    Pair& pair_;
    Random random_;
    Schema schema_;
    Changes changes_;
    Writes writes_;
    Queries queries_;
};

void restart(const Options& options, Pair& pair) {
    if (std::system(options.restart.c_str()) != 0)
        throw std::runtime_error("the server could not be restarted: " + options.restart);
    pair.hot.reconnect();
    pair.twin.reconnect();
}

void report(const Options& options, std::uint64_t seed, std::uint64_t number, const Pair& pair,
            const std::string& what) {
    std::printf("\nDIFFERENCE in case %llu of seed %llu; again: --seed %llu --cases %llu\n",
                static_cast<unsigned long long>(number), static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(number));
    std::printf("(started with --seed %llu)\nWhat was changed before:\n",
                static_cast<unsigned long long>(options.seed));
    for (const std::string& line : pair.history)
        std::printf("%s\n", line.c_str());
    std::printf("\n%s\n", what.c_str());
}

// Returns the number of cases; throws Difference.
int run(const Options& options) {
    std::printf("oracle: seed %llu, %llu cases\n", static_cast<unsigned long long>(options.seed),
                static_cast<unsigned long long>(options.cases));
    std::fflush(stdout);
    Pair pair(options.connection);
    std::uint64_t done = 0;
    for (std::uint64_t round_number = 0; done < options.cases; ++round_number) {
        const std::uint64_t seed = options.seed + round_number;
        std::uint64_t number = 0;
        try {
            Round round(pair, seed);
            round.begin();
            for (; number < cases_a_round && done < options.cases; ++done) {
                ++number;
                round.step();
            }
            if (!options.restart.empty() && round_number % options.rounds_between_restarts == 0) {
                restart(options, pair);
                round.check_everything();
            }
        } catch (const Difference& difference) {
            report(options, seed, number, pair, difference.what());
            return 1;
        }
    }
    std::printf("oracle: %llu answers with %llu rows compared; refused by both:",
                static_cast<unsigned long long>(pair.answers), static_cast<unsigned long long>(pair.rows));
    for (const auto& [code, count] : pair.refusals)
        std::printf(" %s × %llu", code.c_str(), static_cast<unsigned long long>(count));
    std::printf("\noracle: %llu cases without a difference\n", static_cast<unsigned long long>(done));
    return 0;
}

// The same for systems.
int run_systems(const Options& options) {
    std::printf("oracle of systems: seed %llu, %llu cases\n", static_cast<unsigned long long>(options.seed),
                static_cast<unsigned long long>(options.cases));
    std::fflush(stdout);
    Pair pair(options.connection);
    // A system that fails and fails again is to go on.
    pair.twin.must("ALTER SYSTEM SET gamelan.max_system_failures = 0");
    pair.twin.must("SELECT pg_reload_conf()");
    SystemCounts counts;
    for (std::uint64_t round_number = 0; counts.cases < options.cases; ++round_number) {
        const std::uint64_t seed = options.seed + round_number;
        std::uint64_t number = 0;
        try {
            SystemRound round(pair, seed, counts);
            round.begin();
            for (; number < system_cases_a_round && counts.cases < options.cases; ++number)
                round.step();
        } catch (const Difference& difference) {
            report(options, seed, number + 1, pair, difference.what());
            return 1;
        }
    }
    std::printf("oracle of systems: %llu systems, %llu compiled, %llu rows compared; not compiled:",
                static_cast<unsigned long long>(counts.systems),
                static_cast<unsigned long long>(counts.compiled),
                static_cast<unsigned long long>(counts.rows));
    for (const auto& [reason, count] : counts.reasons)
        std::printf("\n  %llu × %s", static_cast<unsigned long long>(count), reason.c_str());
    std::printf("\nrefused by all:");
    for (const auto& [code, count] : counts.errors)
        std::printf(" %s × %llu", code.c_str(), static_cast<unsigned long long>(count));
    std::printf("\noracle: %llu cases without a difference\n", static_cast<unsigned long long>(counts.cases));
    return 0;
}

Options parse(int count, char** arguments) {
    Options out;
    out.seed = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count() / 1000 %
                                          1'000'000'000);
    for (int i = 1; i < count; ++i) {
        const std::string name = arguments[i];
        if (i + 1 == count)
            throw std::runtime_error("usage: gamelan_oracle --dsn CONNECTION [--seed N] [--cases N] "
                                     "[--restart COMMAND] [--mode systems]");
        const char* value = arguments[++i];
        if (name == "--dsn")
            out.connection = value;
        else if (name == "--seed")
            out.seed = std::strtoull(value, nullptr, 10);
        else if (name == "--cases")
            out.cases = std::strtoull(value, nullptr, 10);
        else if (name == "--mode")
            out.mode = value;
        else if (name == "--restart")
            out.restart = value;
        else
            throw std::runtime_error("unknown option " + name);
    }
    return out;
}

} // namespace
} // namespace gamelan::oracle

int main(int count, char** arguments) {
    try {
        const auto options = gamelan::oracle::parse(count, arguments);
        return options.mode == "systems" ? gamelan::oracle::run_systems(options)
                                         : gamelan::oracle::run(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "oracle: %s\n", error.what());
        return 2;
    }
}
