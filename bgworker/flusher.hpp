// How far the log of the server is on disk, here and on synchronous standbys, and who sees to it that it gets
// there.
//
// The world worker commits ticks without waiting for the disk and asks the flusher, a process of its own, to
// flush up to there; it goes on with later ticks, and publishes and answers when it is told. While there is
// no flusher the worker flushes itself.
#pragma once

#include "extension/pg/shared.hpp"

#include <string_view>

namespace gamelan::worker {

// What it takes for a tick to be durable. As game.world_definition.durability; for `relaxed` see HostedWorld.
enum class Durability : std::uint8_t {
    sync,    // on disk here, and on standbys as far as synchronous_commit and synchronous_standby_names say
    relaxed, // the same, but it is published before
    replicated, // on disk here and on a synchronous standby, whatever synchronous_commit says
};
// Throws Error(internal) for what the table's CHECK lets nobody write.
Durability durability_of(std::string_view name);

// Positions up to which the log is safe, for each way to be so.
class Safe {
  public:
    // Now. Looks at the standbys only if there may be any.
    static Safe now();
    bool covers(XLogRecPtr position, Durability durability) const;
    bool operator==(const Safe&) const = default;

  private:
    XLogRecPtr replicated_ = 0;
    XLogRecPtr as_configured_ = 0;
};

// Asks for everything up to `position` to be made safe; returns at once, unless there is no flusher.
void want_flushed(XLogRecPtr position);

} // namespace gamelan::worker
