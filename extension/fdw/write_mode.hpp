// How the next statement on one component writes: the functions that write rows (game.put, game.update) run
// plain INSERTs and UPDATEs, so that privileges, types, defaults, checks and triggers are Postgres's, and say
// here what becomes of the rows. Over with the function, or with the (sub)transaction that fails in it.
#pragma once

#include <cstdint>
#include <string>

#include "extension/pg/pg.hpp"

namespace gamelan::fdw {

enum class WriteKind : std::uint8_t {
    queue,   // as DML does
    put,     // queued; the tick inserts the row or updates it, whatever it finds
    guarded, // kept for submit(), with the version that the row must have
};

struct WriteMode {
    WriteKind kind = WriteKind::queue;
    Oid relation = InvalidOid;
    std::uint64_t version = 0;
    std::string writes; // of the guarded kind: the write set so far
};

// Of this session.
WriteMode& write_mode();
void leave_write_mode() noexcept;

} // namespace gamelan::fdw
