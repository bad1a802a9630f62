#include "core/native/native_system.hpp"

#include "core/base/random.hpp"
#include "core/kernel/event_text.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace gamelan::native {

namespace {

constexpr std::size_t max_name_bytes = 63;
constexpr std::uint32_t max_fields = 16;

bool is_name(const char* text) {
    const std::size_t size = text == nullptr ? 0 : strnlen(text, max_name_bytes + 1);
    return size > 0 && size <= max_name_bytes && std::all_of(text, text + size, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
           });
}

bool is_known(std::uint32_t type) {
    return type == GAMELAN_BOOLEAN || (type >= GAMELAN_I16 && type <= GAMELAN_F64);
}

// What a library says may hold anything; messages are for people.
std::string printable(const char* text) {
    std::string out;
    for (std::size_t i = 0; text != nullptr && text[i] != 0 && i < 1000; ++i)
        out += text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
    return out;
}

} // namespace

// What the functions of a tick work with.
struct NativeSystem::Run {
    const Inputs& inputs;
    std::vector<game::Event> events;
    std::optional<Error> error;

    static Run& of(void* host) { return *static_cast<Run*>(host); }

    static double random(void* host, std::int64_t key) {
        return random_at(of(host).inputs.seed, of(host).inputs.tick, key);
    }
    static void fail(void* host, const char* sqlstate, const char* message) {
        const std::string code = printable(sqlstate);
        const bool is_code = code.size() == 5 && std::all_of(code.begin(), code.end(), [](char c) {
                                 return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                             });
        // The first would end the tick, the second the system: not for libraries to say.
        const bool is_ours = code == sqlstate::out_of_memory || code == sqlstate::quarantined;
        if (!of(host).error)
            of(host).error =
                Error(is_code && !is_ours ? code : std::string(sqlstate::internal), printable(message));
    }
    static void emit(void* host, const char* type, std::uint64_t entity, const gamelan_field* fields,
                     std::uint32_t count) {
        Run& run = of(host);
        if (run.inputs.told_events + run.events.size() >= run.inputs.max_events)
            return fail(host, "54000", "a tick cannot tell of so many events: gamelan.max_events_per_tick");
        bool is_sound = is_name(type) && count <= max_fields;
        std::string payload = "{";
        for (std::uint32_t i = 0; is_sound && i < count; ++i) {
            is_sound = is_name(fields[i].key) && is_known(fields[i].type) && fields[i].value != nullptr;
            if (!is_sound)
                break;
            payload += std::string(i == 0 ? "" : ", ") + '"' + fields[i].key + "\": ";
            kernel::append_json(payload, static_cast<ColumnType>(fields[i].type),
                                static_cast<const std::byte*>(fields[i].value));
        }
        if (!is_sound)
            return fail(host, "22023", "an event needs a type and keys of letters, digits and underscores");
        run.events.push_back({type, payload + "}",
                              entity != 0 ? std::optional(static_cast<std::int64_t>(entity)) : std::nullopt});
    }
};

NativeSystem::NativeSystem(const gamelan_system& system, const store::Snapshot& layout) : system_(system) {
    for (std::uint32_t i = 0; i < system.column_count; ++i)
        bind(system.columns[i], layout);
    for (Column& column : columns_) {
        values_.push_back(column.room.data());
        nulls_.push_back(column.null_bits.data());
        touched_.push_back(column.touched.data());
    }
}

void NativeSystem::bind(const gamelan_column& declared, const store::Snapshot& layout) {
    const std::string_view name = declared.name == nullptr ? "" : declared.name;
    const std::size_t dot = name.find('.');
    const auto component = layout.find_component(name.substr(0, dot));
    const auto column = component && dot != std::string_view::npos
                            ? layout.find_column(*component, name.substr(dot + 1))
                            : std::nullopt;
    if (!column)
        throw Error(sqlstate::undefined_column, "column \"" + std::string(name) + "\" does not exist");
    const store::ColumnSpec& spec = layout.column(*column);
    if (!is_known(declared.type) || spec.type != static_cast<ColumnType>(declared.type))
        throw Error(sqlstate::datatype_mismatch,
                    "column \"" + std::string(name) + "\" is of another type than the native system says");
    const store::SpaceSpec& space = layout.space({spec.space});
    if (store::text_of(space.name) != store::entity_space || name.front() == '.')
        throw Error(sqlstate::feature_not_supported, "native systems play over components of entities only");
    for (const Column& other : columns_)
        if (other.values == *column)
            throw Error("42701", "column \"" + std::string(name) + "\" is named twice");
    auto place = std::find(components_.begin(), components_.end(), *component);
    if (place == components_.end())
        place = components_.insert(place, *component);
    Column& made = columns_.emplace_back();
    made.values = *column;
    made.nulls = spec.nulls;
    made.component = static_cast<std::size_t>(place - components_.begin());
    made.width_bytes = spec.width_bytes;
    made.is_written = declared.is_written != 0;
}

// False when no row of the block is to be played.
bool NativeSystem::begin_block(const store::Snapshot& view, std::uint32_t index,
                               std::span<const std::uint64_t> observed) {
    const std::size_t words = block_slots_ / 64;
    std::fill_n(present_.begin(), words, ~std::uint64_t{0});
    for (std::size_t word = 0; !observed.empty() && word < words; ++word) {
        const std::size_t at = index * words + word;
        present_[word] = at < observed.size() ? observed[at] : 0;
    }
    for (const store::ComponentId component : components_) {
        const std::uint64_t* rows = view.bits({view.component(component).presence}, index);
        for (std::size_t word = 0; word < words; ++word)
            present_[word] &= rows == nullptr ? 0 : rows[word];
    }
    if (std::all_of(present_.begin(), present_.begin() + static_cast<std::ptrdiff_t>(words),
                    [](std::uint64_t word) { return word == 0; }))
        return false;
    for (Column& column : columns_) {
        const std::size_t bytes = std::size_t{column.width_bytes} * block_slots_;
        if (const std::byte* values = view.block(column.values, index))
            std::memcpy(column.room.data(), values, bytes);
        else
            std::memset(column.room.data(), 0, bytes);
        const std::uint64_t* nulls = column.nulls == store::none ? nullptr : view.bits({column.nulls}, index);
        for (std::size_t word = 0; word < words; ++word)
            column.null_bits[word] = nulls == nullptr ? 0 : nulls[word];
        column.touched = {};
    }
    const store::ColumnId generation = store::entity_planes(view)->generation;
    const auto* generations = reinterpret_cast<const std::uint32_t*>(view.block(generation, index));
    for (std::uint32_t row = 0; row < block_slots_; ++row)
        entities_[row] =
            store::Entity::of(index * block_slots_ + row, generations == nullptr ? 0 : generations[row])
                .handle;
    return true;
}

// Rows that were touched take the new values; the others keep what they had. False when there are none.
bool NativeSystem::merge(store::WorldStore& store, Column& column, std::uint32_t index, Report& report) {
    const std::size_t words = block_slots_ / 64;
    std::uint64_t any = 0;
    for (std::size_t word = 0; word < words; ++word)
        any |= column.touched[word] &= present_[word];
    if (any == 0)
        return false;
    const store::Snapshot& view = store.working();
    const std::size_t bytes = std::size_t{column.width_bytes} * block_slots_;
    const std::byte* before = view.block(column.values, index);
    for (std::uint32_t row = 0; row < block_slots_; ++row) {
        std::byte* at = column.room.data() + std::size_t{row} * column.width_bytes;
        const bool is_touched = (column.touched[row / 64] >> row % 64 & 1) != 0;
        const bool is_null = (column.null_bits[row / 64] >> row % 64 & 1) != 0;
        if (is_touched && !is_null)
            continue;
        if (is_touched || before == nullptr)
            std::memset(at, 0, column.width_bytes);
        else
            std::memcpy(at, before + std::size_t{row} * column.width_bytes, column.width_bytes);
    }
    std::memcpy(store.renew_block(column.values, index), column.room.data(), bytes);
    ++report.blocks;
    if (column.nulls == store::none)
        return true;
    const std::uint64_t* old = view.bits({column.nulls}, index);
    bool is_changed = false;
    for (std::size_t word = 0; word < words; ++word) {
        const std::uint64_t was = old == nullptr ? 0 : old[word];
        column.null_bits[word] =
            (column.null_bits[word] & column.touched[word]) | (was & ~column.touched[word]);
        is_changed = is_changed || column.null_bits[word] != was;
    }
    if (is_changed) {
        std::memcpy(store.renew_block({column.nulls}, index), column.null_bits.data(), words * 8);
        ++report.blocks;
    }
    return true;
}

void NativeSystem::end_block(store::WorldStore& store, std::uint32_t index, Report& report) {
    std::vector<Words> touched(components_.size(), Words{});
    for (Column& column : columns_)
        if (column.is_written && merge(store, column, index, report))
            for (std::size_t word = 0; word < block_slots_ / 64; ++word)
                touched[column.component][word] |= column.touched[word];
    for (std::size_t i = 0; i < components_.size(); ++i) {
        std::uint64_t rows = 0;
        for (std::size_t word = 0; word < block_slots_ / 64; ++word)
            rows += static_cast<std::uint64_t>(std::popcount(touched[i][word]));
        if (rows > 0)
            store.mark_rows(components_[i], index, touched[i].data());
        report.rows += rows;
    }
}

Report NativeSystem::run(store::WorldStore& store, const Inputs& inputs) {
    Run run{inputs, {}, {}};
    block_slots_ = store.working().block_slots(columns_.front().values);
    const gamelan_tick tick{inputs.tick, inputs.now_us, inputs.dt, &run, Run::random, Run::fail, Run::emit};
    const gamelan_block block{block_slots_,    static_cast<std::uint32_t>(columns_.size()),
                              present_.data(), entities_.data(),
                              values_.data(),  nulls_.data(),
                              touched_.data()};
    Report report;
    store.begin_block_savepoint();
    try {
        const std::uint32_t blocks = store.working().block_count(columns_.front().values);
        for (std::uint32_t index = 0; index < blocks; ++index) {
            if (!begin_block(store.working(), index, inputs.observed))
                continue;
            system_.run(&tick, &block);
            if (run.error)
                throw *run.error;
            end_block(store, index, report);
        }
    } catch (...) {
        store.rollback_block_savepoint();
        throw;
    }
    store.release_block_savepoint();
    report.events = std::move(run.events);
    return report;
}

} // namespace gamelan::native
