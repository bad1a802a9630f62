// The readers of the process form a list, oldest first; epochs never fall along it.
//
// A reader that joins while the pin is held needs no pin of its own: the epoch it notes is loaded before any
// root, as Region::pin would, and what that epoch protects the older pin protects too. When the oldest goes,
// the pin advances to the next one's epoch.
#include "extension/pg/reading.hpp"

#include "extension/pg/bridge.hpp"

namespace gamelan::pg {

namespace {

constinit Hold* oldest = nullptr;
constinit Hold* newest = nullptr;

std::uint64_t now_ms() {
    return static_cast<std::uint64_t>(GetCurrentTimestamp()) / 1000;
}

// The pin was taken away: nobody who held it may use what was read since.
void lose_all() {
    while (oldest != nullptr) {
        Hold* lost = oldest;
        oldest = lost->newer;
        *lost = {};
    }
    newest = nullptr;
}

} // namespace

void take(Hold& hold) noexcept {
    if (oldest != nullptr && !region().pin_is_valid(my_pin()))
        lose_all();
    hold.since_ms = now_ms();
    hold.epoch = oldest == nullptr ? region().pin(my_pin(), hold.since_ms) : region().current_epoch();
    hold.older = newest;
    hold.newer = nullptr;
    (newest != nullptr ? newest->newer : oldest) = &hold;
    newest = &hold;
}

void drop(Hold& hold) noexcept {
    if (hold.epoch == 0)
        return;
    (hold.older != nullptr ? hold.older->newer : oldest) = hold.newer;
    (hold.newer != nullptr ? hold.newer->older : newest) = hold.older;
    if (oldest == nullptr)
        region().unpin(my_pin());
    else if (hold.older == nullptr)
        region().advance_pin(my_pin(), oldest->epoch, oldest->since_ms);
    hold = {};
}

bool is_held(const Hold& hold) noexcept {
    return hold.epoch != 0 && region().pin_protects(my_pin(), hold.epoch);
}

void throw_snapshot_too_old() {
    throw Error(
        sqlstate::snapshot_too_old, "snapshot too old",
        "The snapshot was given up because memory was short or the snapshot had been held for too long.",
        "Run the query again, make it shorter, or raise gamelan.memory or gamelan.max_snapshot_age.");
}

} // namespace gamelan::pg
