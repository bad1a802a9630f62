#include "extension/pg/subtransaction.hpp"

namespace gamelan::pg {

namespace {

std::string text_or_empty(const char* text) {
    return text != nullptr ? text : "";
}

} // namespace

Error to_error(const ErrorData& data) {
    return {std::string_view(unpack_sql_state(data.sqlerrcode), 5), text_or_empty(data.message),
            text_or_empty(data.detail), text_or_empty(data.hint)};
}

bool is_fatal(const ErrorData& data) {
    return data.elevel > ERROR || data.sqlerrcode == ERRCODE_QUERY_CANCELED ||
           data.sqlerrcode == ERRCODE_ADMIN_SHUTDOWN || data.sqlerrcode == ERRCODE_CRASH_SHUTDOWN ||
           data.sqlerrcode == ERRCODE_DATA_CORRUPTED || data.sqlerrcode == ERRCODE_INDEX_CORRUPTED;
}

Subtransaction::Subtransaction() : memory_(CurrentMemoryContext), owner_(CurrentResourceOwner) {
    pg_call([] { BeginInternalSubTransaction(nullptr); });
    MemoryContextSwitchTo(memory_);
}

void Subtransaction::end(bool is_kept) {
    pg_call([is_kept] {
        if (is_kept)
            ReleaseCurrentSubTransaction();
        else
            RollbackAndReleaseCurrentSubTransaction();
    });
    MemoryContextSwitchTo(memory_);
    CurrentResourceOwner = owner_;
}

} // namespace gamelan::pg
