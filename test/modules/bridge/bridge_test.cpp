// SQL functions that raise through both bridges of extension/pg/bridge.hpp, for test/tap/t/010_bridge.pl. Not
// part of the extension: a library of its own, compiled with the bridge's source.
#include "extension/pg/bridge.hpp"

#include <stdexcept>
#include <string>

namespace {

using namespace gamelan;
using namespace gamelan::pg;

int destroyed = 0;

// Counts that it is unwound; its string shows up in a leak checker if it is not.
struct Witness {
    std::string text = std::string(64, 'w');
    ~Witness() { ++destroyed; }
};

// What an LWLock guard does to the process: holds interrupts off while it lives.
struct HeldInterrupts {
    HeldInterrupts() { HOLD_INTERRUPTS(); }
    ~HeldInterrupts() { RESUME_INTERRUPTS(); }
};

void raise_duplicate() {
    ereport(ERROR, (errcode(ERRCODE_UNIQUE_VIOLATION), errmsg("the message"), errdetail("the detail"),
                    errhint("the hint"), errcontext("the context")));
}

} // namespace

extern "C" {

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(bridge_postgres_error);
PG_FUNCTION_INFO_V1(bridge_cpp_error);
PG_FUNCTION_INFO_V1(bridge_caught);
PG_FUNCTION_INFO_V1(bridge_lock_unwound);
PG_FUNCTION_INFO_V1(bridge_nested);
PG_FUNCTION_INFO_V1(bridge_destroyed);
PG_FUNCTION_INFO_V1(bridge_holdoff);
PG_FUNCTION_INFO_V1(bridge_spin);

// A Postgres error below a C++ frame reaches the caller whole.
PGDLLEXPORT Datum bridge_postgres_error(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    sql_boundary([] {
        const Witness witness;
        pg_call([] { raise_duplicate(); });
    });
    PG_RETURN_VOID();
}

// Exceptions of every kind leave C++ as Postgres errors.
PGDLLEXPORT Datum bridge_cpp_error(PG_FUNCTION_ARGS) {
    const int kind = PG_GETARG_INT32(0);
    sql_boundary([kind] {
        const Witness witness;
        switch (kind) {
        case 0:
            throw Error("WG012", "the message", "the detail", "the hint");
        case 1:
            throw Error("WG012", "only a message");
        case 2:
            throw std::runtime_error("a standard exception");
        case 3:
            throw std::bad_alloc();
        case 4:
            throw 42;
        default:
            throw Error("22023", "100% of %s and %n", "50%d", "%m");
        }
    });
    PG_RETURN_VOID();
}

// An error that C++ keeps to itself: its parts as text, and the session goes on.
PGDLLEXPORT Datum bridge_caught(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    const MemoryContext before = CurrentMemoryContext;
    const char* told = sql_boundary([]() -> const char* {
        const Witness witness;
        try {
            pg_call([] { raise_duplicate(); });
        } catch (const PgError& error) {
            const ErrorData* data = error.data();
            return pg_call([&] {
                return psprintf("%s %s, %s, %s", unpack_sql_state(data->sqlerrcode), error.what(),
                                data->detail, data->hint);
            });
        }
        return nullptr;
    });
    if (CurrentMemoryContext != before)
        elog(ERROR, "the memory context was not restored");
    PG_RETURN_DATUM(CStringGetTextDatum(told));
}

// A guard that holds interrupts off is unwound by an error: the count must come out as it went in.
PGDLLEXPORT Datum bridge_lock_unwound(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    const uint32 before = InterruptHoldoffCount;
    const bool was_caught = sql_boundary([] {
        try {
            const HeldInterrupts outer;
            const HeldInterrupts inner;
            const Witness witness;
            pg_call([] { raise_duplicate(); });
        } catch (const PgError&) {
            return true;
        }
        return false;
    });
    PG_RETURN_BOOL(was_caught && InterruptHoldoffCount == before);
}

// Postgres calls C++ calls Postgres calls C++: an exception thrown at the bottom comes out at the top.
PGDLLEXPORT Datum bridge_nested(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    sql_boundary([] {
        const Witness outer;
        pg_call([] {
            sql_boundary([] {
                const Witness inner;
                throw Error("WG007", "from the bottom", "its detail", "its hint");
            });
        });
    });
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum bridge_destroyed(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_INT32(std::exchange(destroyed, 0));
}

PGDLLEXPORT Datum bridge_holdoff(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_INT32(
        static_cast<std::int32_t>(InterruptHoldoffCount + QueryCancelHoldoffCount + CritSectionCount));
}

// Runs until it is cancelled, below C++ frames.
PGDLLEXPORT Datum bridge_spin(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    sql_boundary([] {
        const Witness witness;
        for (;;)
            pg_call([] {
                pg_usleep(1000);
                CHECK_FOR_INTERRUPTS();
            });
    });
    PG_RETURN_VOID();
}

} // extern "C"
