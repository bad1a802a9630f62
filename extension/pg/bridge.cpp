#include "extension/pg/bridge.hpp"

#include <cstring>

namespace gamelan::pg {

namespace detail {

namespace {

// palloc would raise on failure; this returns null instead.
const char* copy_text(const char* text) noexcept {
    const std::size_t bytes = std::strlen(text) + 1;
    auto* copy =
        static_cast<char*>(MemoryContextAllocExtended(CurrentMemoryContext, bytes, MCXT_ALLOC_NO_OOM));
    if (copy != nullptr)
        std::memcpy(copy, text, bytes);
    return copy;
}

Report make(const char* code, const char* message) noexcept {
    Report report;
    report.is_set = true;
    std::memcpy(report.sqlstate, code, 5);
    report.message = message;
    return report;
}

} // namespace

Report describe(const Error& error) noexcept {
    Report report = make(error.code().c_str(), copy_text(error.message().c_str()));
    if (!error.detail().empty())
        report.detail = copy_text(error.detail().c_str());
    if (!error.hint().empty())
        report.hint = copy_text(error.hint().c_str());
    return report;
}

Report describe_out_of_memory() noexcept {
    return make("53200", "out of memory");
}

Report describe(const std::exception& error) noexcept {
    return make("XX000", copy_text(error.what()));
}

Report describe_unknown() noexcept {
    return make("XX000", "an unknown C++ exception was thrown");
}

void raise(const Report& report) {
    if (report.rethrow != nullptr)
        ReThrowError(report.rethrow);
    const char* code = report.sqlstate;
    ereport(ERROR, (errcode(MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4])),
                    errmsg_internal("%s", report.message != nullptr ? report.message : "out of memory"),
                    report.detail != nullptr ? errdetail_internal("%s", report.detail) : 0,
                    report.hint != nullptr ? errhint("%s", report.hint) : 0));
    pg_unreachable();
}

} // namespace detail

char* palloc_text(std::string_view text) {
    auto* out = static_cast<char*>(pg_call([&] { return palloc(text.size() + 1); }));
    std::memcpy(out, text.data(), text.size());
    out[text.size()] = '\0';
    return out;
}

void raise_error(std::string_view code, const char* message, const char* detail, const char* hint) {
    detail::Report report;
    report.is_set = true;
    std::memcpy(report.sqlstate, code.data(), 5);
    report.message = message;
    report.detail = detail;
    report.hint = hint;
    detail::raise(report);
}

} // namespace gamelan::pg
