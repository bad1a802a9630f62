// The two bridges between Postgres errors (longjmp) and C++ exceptions.
//
// pg_call(f): C++ calls Postgres. An ERROR raised in f becomes the exception PgError, which keeps the whole
// ErrorData. The guard's frame must lie deeper than the objects that need unwinding: f itself owns nothing
// with a destructor.
//
// sql_boundary(f): Postgres calls C++. Any exception that leaves f becomes an ereport(ERROR) after the catch
// block is left, so that the exception object is freed and no C++ frame is jumped over.
//
// errfinish() sets the interrupt hold-off counters to zero before it jumps. C++ code that unwinds afterwards
// (an LWLock guard, say) would decrement them below zero and leave the process deaf to cancels; so pg_call
// restores them. Guard batches, never rows: a guard costs some 50 ns.
#pragma once

#include "core/base/error.hpp"

#include <exception>
#include <new>
#include <type_traits>
#include <utility>

#include "extension/pg/pg.hpp"

namespace gamelan::pg {

class PgError final : public std::exception {
  public:
    // `data` lives in the memory context that was current when pg_call began.
    explicit PgError(ErrorData* data) : data_(data) {}
    const char* what() const noexcept override { return data_->message; }
    ErrorData* data() const noexcept { return data_; }

  private:
    ErrorData* data_;
};

namespace detail {

// What errfinish and the jump disturb.
class SavedState {
  public:
    SavedState()
        : exception_stack(PG_exception_stack), context_stack(error_context_stack),
          memory(CurrentMemoryContext), interrupt_holdoff(InterruptHoldoffCount),
          cancel_holdoff(QueryCancelHoldoffCount) {}

    void restore_stacks() const {
        PG_exception_stack = exception_stack;
        error_context_stack = context_stack;
    }
    // After a jump: takes the error out of Postgres's hands.
    ErrorData* take_error() const {
        restore_stacks();
        InterruptHoldoffCount = interrupt_holdoff;
        QueryCancelHoldoffCount = cancel_holdoff;
        MemoryContextSwitchTo(memory);
        ErrorData* data = CopyErrorData();
        FlushErrorState();
        return data;
    }

  private:
    sigjmp_buf* exception_stack;
    ErrorContextCallback* context_stack;
    MemoryContext memory;
    uint32 interrupt_holdoff;
    uint32 cancel_holdoff;
};

// An exception as plain data, so that nothing C++ is alive when it is raised.
struct Report {
    ErrorData* rethrow = nullptr;
    bool is_set = false;
    char sqlstate[6] = {};
    const char* message = nullptr; // palloc'd
    const char* detail = nullptr;
    const char* hint = nullptr;
};

// Never throws and never raises; falls back to constant texts when memory is short.
Report describe(const Error& error) noexcept;
Report describe_out_of_memory() noexcept;
Report describe(const std::exception& error) noexcept;
Report describe_unknown() noexcept;
[[noreturn]] void raise(const Report& report);

} // namespace detail

template <class F>
auto pg_call(F&& f) -> std::invoke_result_t<F> {
    using Result = std::invoke_result_t<F>;
    static_assert(std::is_void_v<Result> || std::is_trivially_copyable_v<Result>);
    const detail::SavedState saved;
    sigjmp_buf buffer;
    if (sigsetjmp(buffer, 0) == 0) {
        PG_exception_stack = &buffer;
        if constexpr (std::is_void_v<Result>) {
            std::forward<F>(f)();
            saved.restore_stacks();
            return;
        } else {
            Result result = std::forward<F>(f)();
            saved.restore_stacks();
            return result;
        }
    }
    throw PgError(saved.take_error());
}

template <class F>
auto sql_boundary(F&& f) -> std::invoke_result_t<F> {
    using Result = std::invoke_result_t<F>;
    static_assert(std::is_void_v<Result> || std::is_trivially_copyable_v<Result>);
    detail::Report report;
    try {
        return std::forward<F>(f)();
    } catch (const PgError& error) {
        report.rethrow = error.data();
        report.is_set = true;
    } catch (const Error& error) {
        report = detail::describe(error);
    } catch (const std::bad_alloc&) {
        report = detail::describe_out_of_memory();
    } catch (const std::exception& error) {
        report = detail::describe(error);
    } catch (...) {
        report = detail::describe_unknown();
    }
    detail::raise(report);
}

// C++ zone: a zero-terminated copy that outlives the C++ frame, in the current memory context.
char* palloc_text(std::string_view text);

// Raises an Error as it is, for code that holds no C++ objects.
[[noreturn]] void raise_error(std::string_view code, const char* message, const char* detail = nullptr,
                              const char* hint = nullptr);

} // namespace gamelan::pg
