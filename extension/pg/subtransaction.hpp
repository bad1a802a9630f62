// A piece of a transaction that may fail alone. C++ zone.
#pragma once

#include "core/base/error.hpp"

#include <optional>
#include <string>

#include "extension/pg/bridge.hpp"

extern "C" {
#include "utils/resowner.h"
}

namespace gamelan::pg {

// What Postgres raised, as an Error.
Error to_error(const ErrorData& data);

// What is not the piece's own fault: somebody wants us to stop, or the server is in trouble.
bool is_fatal(const ErrorData& data);

// Begins and ends subtransactions; used by in_subtransaction().
class Subtransaction {
  public:
    Subtransaction();
    void end(bool is_kept);

  private:
    MemoryContext memory_;
    ResourceOwner owner_;
};

// Runs f; what it did is undone when it throws. Throws Error with what f threw, Postgres's errors included;
// fatal ones stay PgError.
template <class F>
void in_subtransaction(F&& f) {
    Subtransaction subtransaction;
    std::optional<Error> failure;
    try {
        f();
    } catch (const PgError& error) {
        if (is_fatal(*error.data()))
            throw;
        failure = to_error(*error.data());
    } catch (const Error& error) {
        failure = error;
    }
    subtransaction.end(!failure);
    if (failure)
        throw *failure;
}

} // namespace gamelan::pg
