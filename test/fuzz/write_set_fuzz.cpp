// Rows on their way from SQL to a tick: any bytes as a write set must be read or refused, what was read must
// survive being written again, and a world that refuses a write set must be what it was before. In half of
// the runs the bytes choose among names and types that the world knows, because chance would never find
// those.
#include "core/codec/write_set.hpp"
#include "core/sim/apply_writes.hpp"
#include "test/unit/store_memory.hpp"

#include "core/store/layout_change.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

using namespace gamelan;
using codec::RowColumn;
using codec::RowGroup;
using codec::RowOperation;
using store::ColumnDefinition;

void require(bool condition, const char* what) {
    if (condition)
        return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

// Reads everything and writes it again.
std::string rewrite(std::string_view bytes) {
    codec::WriteSetReader reader(bytes);
    ByteWriter out;
    while (reader.next_group()) {
        const std::uint64_t count = reader.rows_left();
        ByteWriter rows;
        while (reader.rows_left() > 0) {
            reader.next_row();
            codec::WriteSetWriter::put_handle(rows, reader.handle());
            if (reader.group().has_version)
                codec::WriteSetWriter::put_version(rows, reader.version());
            for (std::size_t i = 0; i < reader.guards().size(); ++i)
                codec::WriteSetWriter::put_value(rows, reader.group().guards[i].type, reader.guards()[i]);
            for (std::size_t i = 0; i < reader.values().size(); ++i)
                codec::WriteSetWriter::put_value(rows, reader.group().columns[i].type, reader.values()[i]);
        }
        codec::WriteSetWriter::put_group(out, reader.group(), count, rows.view());
    }
    return std::string(out.view());
}

class Choices {
  public:
    explicit Choices(std::string_view bytes) : bytes_(bytes) {}
    std::uint8_t next() { return bytes_.empty() ? 0 : take(); }
    bool is_done() const { return bytes_.empty(); }

  private:
    std::uint8_t take() {
        const auto out = static_cast<std::uint8_t>(bytes_.front());
        bytes_.remove_prefix(1);
        return out;
    }
    std::string_view bytes_;
};

const RowColumn known_columns[] = {
    {"n", ColumnType::i32}, {"v", ColumnType::value}, {"b", ColumnType::boolean}, {"n", ColumnType::i64}};

std::vector<RowColumn> chosen_columns(Choices& choices) {
    std::vector<RowColumn> out;
    const std::uint8_t choice = choices.next();
    for (std::size_t i = 0; i < std::size(known_columns); ++i)
        // The last has the wrong type: rarely.
        if ((choice >> i & 1) != 0 && (i < 3 || choice > 250))
            out.push_back(known_columns[i]);
    return out;
}

void put_values(ByteWriter& rows, const std::vector<RowColumn>& columns, Choices& choices) {
    for (const RowColumn& column : columns) {
        const std::uint8_t choice = choices.next();
        const std::string bytes(column.type == ColumnType::value ? choice * 3U : width_of(column.type),
                                static_cast<char>(choice & 1));
        codec::WriteSetWriter::put_value(rows, column.type, {choice % 5 == 0, bytes});
    }
}

std::string chosen_write_set(Choices choices) {
    ByteWriter out;
    while (!choices.is_done()) {
        RowGroup group;
        group.operation = static_cast<RowOperation>(1 + choices.next() % 6);
        const std::uint8_t flags = choices.next();
        const bool is_of_rows = group.operation < RowOperation::spawn;
        if (is_of_rows) {
            group.component = flags % 16 == 0 ? "unknown" : flags % 3 == 0 ? "soil" : "hero";
            group.has_version = flags % 8 == 1;
            if (flags > 200)
                group.guards = chosen_columns(choices);
            if (group.operation != RowOperation::remove)
                group.columns = chosen_columns(choices);
            if (group.operation == RowOperation::put)
                group.leading_columns =
                    static_cast<std::uint32_t>(choices.next() % (group.columns.size() + 1));
        }
        ByteWriter rows;
        const std::uint64_t count = choices.next() % 4;
        for (std::uint64_t row = 0; row < count; ++row) {
            const std::uint8_t handle = choices.next();
            codec::WriteSetWriter::put_handle(rows, store::Entity::of(handle % 32, handle / 64).handle);
            if (group.has_version)
                codec::WriteSetWriter::put_version(rows, choices.next() % 3);
            put_values(rows, group.guards, choices);
            put_values(rows, group.columns, choices);
        }
        codec::WriteSetWriter::put_group(out, group, count, rows.view());
    }
    return std::string(out.view());
}

store::WorldStore make_world(const store::TestRegion& region) {
    const std::vector<ColumnDefinition> columns = {
        {"n", ColumnType::i32, store::IndexKind::ordered, 0, std::nullopt},
        {"v", ColumnType::value, store::IndexKind::hash, 0, std::nullopt},
        {"b", ColumnType::boolean, store::IndexKind::none, 0, std::nullopt}};
    store::Layout layout;
    layout.add_space(store::entity_space, 20);
    layout.add_space(store::cell_space, 20);
    layout.add_component({std::string(store::entity_component),
                          std::string(store::entity_space),
                          0,
                          {{"created", ColumnType::i64, store::IndexKind::none, 0, std::nullopt},
                           {"template", ColumnType::value, store::IndexKind::none, 0, std::nullopt}}},
                         false);
    layout.add_component({std::string(store::entity_slot_component),
                          std::string(store::entity_space),
                          0,
                          {{"generation", ColumnType::i32, store::IndexKind::none, 0, std::nullopt}}},
                         true);
    layout.add_component({"hero", std::string(store::entity_space), 0, columns}, false);
    layout.add_component({"soil", std::string(store::cell_space), 0, columns}, true);
    store::WorldStore store =
        store::WorldStore::create(*region, region->claim_slot(1), layout, region.limit());
    store.begin_tick();
    const store::EntityPlanes planes = *store::entity_planes(store.working());
    for (std::uint32_t slot = 1; slot < 10; ++slot)
        store.insert_row(planes.component, slot);
    store.seal(0);
    store.publish();
    return store;
}

// Several ticks of the same writes: the second time, rows are there already.
void apply(std::string_view write_set) {
    const store::TestRegion region(4U << 20, {2, 2});
    store::WorldStore store = make_world(region);
    for (int tick = 0; tick < 3; ++tick) {
        store.begin_tick();
        const std::uint64_t before = store.working().state_hash();
        std::vector<store::Entity> freed;
        store.begin_savepoint();
        try {
            sim::apply_writes(store, write_set, freed);
            store.release_savepoint();
        } catch (const Error& error) {
            require(error.code() != sqlstate::internal, error.what());
            store.rollback_savepoint();
            require(store.working().state_hash() == before, "a refused write set left something behind");
        }
        store.seal(store.working_tick());
        require(store.newest().state_hash_kept() == store.newest().state_hash(), "kept shares of the hash");
        store.publish();
        require(store.lost_blocks() == 0, "blocks were lost");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::string write_set = data[0] % 2 == 0 ? std::string(bytes) : chosen_write_set(Choices(bytes));
    try {
        const std::string again = rewrite(write_set);
        require(rewrite(again) == again, "a write set is another when it is written again");
    } catch (const Error& error) {
        require(error.code() == sqlstate::corrupt_data, error.what());
    }
    apply(write_set);
    return 0;
}
