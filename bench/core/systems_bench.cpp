// What systems cost as kernels, beside the same work by others in the same run: nanoseconds of CPU time per
// entity and tick, and how many times as long as the kernels. All sides take turns, and must have computed
// the same bits.
#include "bench/core/fighters_by_hand.hpp"
#if defined(GAMELAN_HAS_ENTT)
#include "bench/core/fighters_entt.hpp"
#endif

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>

namespace {

using namespace gamelan::bench;

constexpr int rounds = 9;
constexpr int checked_ticks = 3;
constexpr double seconds_each = 0.02;

double thread_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Case {
    const char* name;
    std::vector<System> (*systems)(const Fight&);
    std::vector<HandSystem> by_hand;
    std::vector<std::size_t> written; // columns, floats first
#if defined(GAMELAN_HAS_ENTT)
    void (EnttFighters::*entt)(float) = nullptr;
#endif
};

struct Side {
    std::string name;
    std::function<double()> tick; // seconds of it that count
    std::function<std::uint64_t()> digest;
    std::vector<double> ns; // per entity, by round
};

class KernelSide {
  public:
    KernelSide(const Case& what, std::uint32_t count)
        : arena_(count), executor_(arena_.executor(what.systems(arena_))) {}

    double tick(bool is_whole) {
        WorldStore& store = arena_.store();
        const double begin = thread_seconds();
        store.begin_tick();
        const double run_begin = thread_seconds();
        const RunReport done = executor_.run(store, {tick_seconds, 1, 0, 1});
        const double run_end = thread_seconds();
        store.seal(store.working_tick());
        store.publish();
        const double end = thread_seconds();
        if (!done.failures.empty()) {
            std::fprintf(stderr, "%s\n", done.failures[0].error.what());
            std::exit(1);
        }
        return is_whole ? end - begin : run_end - run_begin;
    }
    Fighters fighters() { return Fighters::of(arena_.store().newest(), arena_.count()); }

  private:
    Fight arena_;
    Executor executor_;
};

template <class F>
double timed(F work) {
    const double begin = thread_seconds();
    work();
    return thread_seconds() - begin;
}

std::vector<Side> sides_of(const Case& what, std::uint32_t count) {
    std::vector<Side> out;
    const auto kernels = std::make_shared<KernelSide>(what, count);
    const auto whole = std::make_shared<KernelSide>(what, count);
    const Fighters start = kernels->fighters();
    out.push_back(
        {"kernels", [=] { return kernels->tick(false); }, [=] { return kernels->fighters().digest(); }, {}});
    out.push_back({"kernels, with the version",
                   [=] { return whole->tick(true); },
                   [=] { return whole->fighters().digest(); },
                   {}});
    const auto plain = std::make_shared<Fighters>(start);
    out.push_back({"by hand, in place",
                   [=, systems = what.by_hand] {
                       return timed([&] {
                           for (const HandSystem system : systems)
                               system(plain->rows(), tick_seconds);
                       });
                   },
                   [=] { return plain->digest(); },
                   {}});
    const auto copied = std::make_shared<CopiedFighters>(start, what.written);
    out.push_back(
        {"by hand, copied on write",
         [=, systems = what.by_hand] { return timed([&] { copied->tick(systems, tick_seconds); }); },
         [=] { return copied->digest(); },
         {}});
#if defined(GAMELAN_HAS_ENTT)
    const auto entt = std::make_shared<EnttFighters>(start);
    out.push_back({"EnTT",
                   [=, run = what.entt] { return timed([&] { (entt.get()->*run)(tick_seconds); }); },
                   [=] { return entt->digest(); },
                   {}});
#endif
    return out;
}

void check(std::vector<Side>& sides) {
    for (Side& side : sides)
        for (int i = 0; i < checked_ticks; ++i)
            side.tick();
    for (const Side& side : sides)
        if (side.digest() != sides[0].digest()) {
            std::fprintf(stderr, "%s computed something else than %s\n", side.name.c_str(),
                         sides[0].name.c_str());
            std::exit(1);
        }
}

void take_turns(std::vector<Side>& sides, std::uint32_t count) {
    for (int round = 0; round < rounds; ++round)
        for (Side& side : sides) {
            double seconds = 0;
            int ticks = 0;
            for (; seconds < seconds_each; ++ticks)
                seconds += side.tick();
            side.ns.push_back(seconds * 1e9 / ticks / count);
        }
}

double middle_of(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void print(const Case& what, std::uint32_t count, const std::vector<Side>& sides) {
    for (const Side& side : sides) {
        std::vector<double> ratios;
        for (std::size_t i = 0; i < side.ns.size(); ++i)
            ratios.push_back(side.ns[i] / sides[0].ns[i]);
        const auto [least, greatest] = std::minmax_element(side.ns.begin(), side.ns.end());
        std::printf("%-28s %8u  %-26s %7.2f  (%.2f-%.2f)  %5.2f x\n", what.name, count, side.name.c_str(),
                    middle_of(side.ns), *least, *greatest, middle_of(ratios));
    }
    std::fflush(stdout);
}

std::vector<System> one_movement(const Fight& arena) {
    return {movement(arena)};
}
std::vector<System> one_movement_of_the_healthy(const Fight& arena) {
    return {movement_of_the_healthy(arena)};
}

std::vector<Case> cases() {
    std::vector<Case> out{
        {"movement", one_movement, {move}, {0, 1, 2}},
        {"movement WHERE, half true", one_movement_of_the_healthy, {move_the_healthy}, {0, 1, 2}},
        {"four systems", four_systems, four_by_hand, {0, 1, 2, 3, 4, 5}},
        {"twenty systems", twenty_systems, twenty_by_hand, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}},
    };
#if defined(GAMELAN_HAS_ENTT)
    out[0].entt = &EnttFighters::move;
    out[1].entt = &EnttFighters::move_the_healthy;
    out[2].entt = &EnttFighters::four;
    out[3].entt = &EnttFighters::twenty;
#endif
    return out;
}

} // namespace

int main() {
    std::printf("%-28s %8s  %-26s %7s  %s\n", "systems", "entities", "", "ns",
                "(least-greatest)  times kernels");
    for (const Case& what : cases())
        for (const std::uint32_t count : {10000U, 100000U, 1000000U}) {
            std::vector<Side> sides = sides_of(what, count);
            check(sides);
            take_turns(sides, count);
            print(what, count, sides);
        }
    return 0;
}
