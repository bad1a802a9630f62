#include "gateway/world_state.hpp"

#include <cstring>

namespace gamelan::gateway {
namespace {

using codec::ColumnChange;
using codec::ColumnEncoding;
using codec::StateMessage;
using codec::StateMessageKind;

constexpr const char* too_large = "the state is larger than --max-state-bytes";

void expand_runs(const ColumnChange& change, std::vector<std::byte>& values) {
    const std::size_t width = width_of(change.type);
    values.resize(change.count * width);
    std::byte* to = values.data();
    for (std::size_t i = 0; i < change.runs.size(); ++i) {
        const std::byte* value = change.values.data() + i * width;
        for (std::uint32_t n = 0; n < change.runs[i]; ++n, to += width)
            std::memcpy(to, value, width);
    }
}

ColumnChange dense_change(const std::string& name, ColumnType type, const std::vector<std::byte>& values) {
    ColumnChange change;
    change.name = name;
    change.type = type;
    change.count = static_cast<std::uint32_t>(values.size() / width_of(type));
    change.values = values;
    return change;
}

// Run lengths, or dense as soon as they would take more numbers than the values alone.
ColumnChange shortest_change(const std::string& name, ColumnType type, const std::vector<std::byte>& values) {
    const std::size_t width = width_of(type);
    ColumnChange change;
    change.name = name;
    change.type = type;
    change.encoding = ColumnEncoding::run_lengths;
    change.count = static_cast<std::uint32_t>(values.size() / width);
    for (std::uint32_t slot = 0; slot < change.count;) {
        if (change.runs.size() * 2 >= change.count)
            return dense_change(name, type, values);
        const std::byte* first = values.data() + slot * width;
        std::uint32_t end = slot + 1;
        while (end < change.count && std::memcmp(values.data() + end * width, first, width) == 0)
            ++end;
        change.runs.push_back(end - slot);
        change.values.insert(change.values.end(), first, first + width);
        slot = end;
    }
    return change;
}

} // namespace

const char* WorldState::apply(const StateMessage& message) {
    lengthened_.clear();
    if (message.kind == StateMessageKind::snapshot)
        forget();
    else if (!known_ || message.base_tick != tick_) {
        forget();
        return "the delta's base is not the tick at hand";
    }
    for (const ColumnChange& change : message.columns) {
        if (const char* problem = apply_column(change)) {
            forget();
            return problem;
        }
    }
    known_ = true;
    tick_ = message.tick;
    return nullptr;
}

void WorldState::forget() {
    known_ = false;
    tick_ = 0;
    bytes_ = 0;
    columns_.clear();
}

const char* WorldState::apply_column(const ColumnChange& change) {
    return change.encoding == ColumnEncoding::sparse ? patch_column(change) : replace_column(change);
}

const char* WorldState::replace_column(const ColumnChange& change) {
    const std::size_t size = std::size_t{change.count} * width_of(change.type);
    const auto found = columns_.find(change.name);
    const std::size_t before = found == columns_.end() ? 0 : found->second.values.size();
    if (bytes_ - before + size > max_bytes_)
        return too_large;
    Column& column = found == columns_.end() ? columns_[change.name] : found->second;
    column.type = change.type;
    if (change.encoding == ColumnEncoding::dense)
        column.values = change.values;
    else
        expand_runs(change, column.values);
    bytes_ = bytes_ - before + size;
    return nullptr;
}

const char* WorldState::patch_column(const ColumnChange& change) {
    const auto found = columns_.find(change.name);
    if (found == columns_.end() || found->second.type != change.type)
        return "the delta changes a column that is not there";
    const std::size_t width = width_of(change.type);
    std::vector<std::byte>& values = found->second.values;
    const std::size_t end = change.slots.empty() ? 0 : (std::size_t{change.slots.back()} + 1) * width;
    if (end > values.size()) {
        if (bytes_ - values.size() + end > max_bytes_)
            return too_large;
        bytes_ += end - values.size();
        values.resize(end);
        lengthened_.push_back(change.name);
    }
    for (std::size_t i = 0; i < change.slots.size(); ++i)
        std::memcpy(values.data() + change.slots[i] * width, change.values.data() + i * width, width);
    return nullptr;
}

StateMessage WorldState::snapshot() const {
    StateMessage message;
    message.kind = StateMessageKind::snapshot;
    message.tick = tick_;
    message.base_tick = tick_;
    for (const auto& [name, column] : columns_)
        message.columns.push_back(shortest_change(name, column.type, column.values));
    return message;
}

ColumnChange WorldState::whole_column(const std::string& name) const {
    const Column& column = columns_.at(name);
    return shortest_change(name, column.type, column.values);
}

} // namespace gamelan::gateway
