// What a world plays by, besides its components: its systems in their order, and how time passes. Made from
// the catalogs, logged when it changes, kept in the world's state: so a replay needs no catalogs.
#pragma once

#include "core/store/column_type.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace gamelan::game {

// Numbers are part of stored formats: never renumber.
enum class Phase : std::uint8_t { input = 0, pre_update = 1, simulate = 2, post_update = 3, output = 4 };

enum class RunOn : std::uint8_t {
    tick = 0,
    // Observers: run at the end of a tick in which rows of the components they observe came, changed or went.
    create = 1,
    update = 2,
    destroy = 3,
};

// How a system runs.
enum class SystemPath : std::uint8_t {
    kernel = 0,   // compiled; logged by its inputs: a replay runs it again
    executor = 1, // by PostgreSQL's executor; logged by its effects: a replay applies those
    native = 2,   // a function of a shared library; logged by its inputs
    // A kernel that ends with calls which make or end entities: the kernel is run again by a replay, what the
    // calls did is logged by its effects.
    calling = 3,
};

constexpr bool is_kernel(SystemPath path) {
    return path == SystemPath::kernel || path == SystemPath::calling;
}

struct SystemRule {
    std::string name; // of the procedure, without its schema: unique in the game
    Phase phase = Phase::simulate;
    std::int32_t priority = 0;
    RunOn run_on = RunOn::tick;
    std::vector<std::string> observed; // components, of observers
    std::uint32_t every_n_ticks = 1;   // runs in ticks that this divides
    bool is_enabled = true;
    SystemPath path = SystemPath::executor;
    std::string program;   // of a kernel: core/codec/kernel_program.hpp; of a native one: "library:symbol"
    std::string condition; // a program too, one boolean assignment; empty = runs always
    std::vector<std::string> reads; // "component.column", for schedulers and for people
    std::vector<std::string> writes;
    bool operator==(const SystemRule&) const = default;
};

struct Rules {
    std::uint32_t tick_rate_hz = 20;
    double time_scale = 1;                     // simulated seconds for each second of ticks
    std::uint32_t max_events_per_tick = 65536; // a system or action with which there would be more fails
    std::vector<SystemRule> systems;           // in the order in which they run
    bool operator==(const Rules&) const = default;
    // Seconds of simulated time that a tick takes.
    double dt() const { return time_scale / tick_rate_hz; }
};

} // namespace gamelan::game
