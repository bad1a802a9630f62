// The part of the program of bytes that writes as systems do: whole blocks within a block savepoint.
#include "store_program.hpp"

#include <algorithm>
#include <array>

namespace gamelan::store {

namespace {

using Words = std::array<std::uint64_t, max_block_slots / 64>;

Words words_of(const Snapshot& view, ColumnId plane, std::uint32_t block) {
    Words out{};
    if (const std::uint64_t* words = view.bits(plane, block))
        std::copy_n(words, view.block_slots(plane) / 64, out.begin());
    return out;
}

void write_words(WorldStore& store, ColumnId plane, std::uint32_t block, const Words& words) {
    std::memcpy(store.renew_block(plane, block), words.data(), store.working().block_slots(plane) / 8);
}

bool has(const Words& words, std::uint32_t slot) {
    return (words[slot / 64] >> slot % 64 & 1) != 0;
}

} // namespace

struct StoreProgram::Block {
    ModelComponent& component;
    ComponentId id;
    std::uint32_t index;
    std::uint32_t first; // slot
    std::uint32_t slots; // of a block
    Words rows{};        // that were chosen
};

// Some of the rows that are there, or of the slots without one.
void StoreProgram::choose_rows(Block& block, bool are_there) {
    const std::uint32_t end = block.component.is_dense() ? cells : working_.entity_slots;
    const std::uint32_t pattern = below(65536);
    for (std::uint32_t i = 0; i < block.slots && block.first + i < end; ++i)
        if (block.component.rows.contains(block.first + i) == are_there && (pattern >> i % 13 & 1) != 0)
            block.rows[i / 64] |= std::uint64_t{1} << i % 64;
}

void StoreProgram::rewrite_column(Block& block) {
    choose_rows(block, true);
    const auto& columns = block.component.definition.columns;
    if (columns.empty())
        return;
    const ColumnDefinition& column = columns[below(static_cast<std::uint32_t>(columns.size()))];
    if (column.type == ColumnType::value)
        return;
    const ColumnId id = *store_->working().find_column(block.id, column.key);
    const ColumnId nulls{store_->working().column(id).nulls};
    const std::uint32_t width = width_of(column.type);
    const bool becomes_null = below(3) == 0;
    const std::string value = becomes_null ? std::string(width, '\0') : random_value(column.type);
    const std::byte* old = store_->working().block(id, block.index);
    Words null_words = words_of(store_->working(), nulls, block.index);
    std::byte* fresh = store_->renew_block(id, block.index);
    if (old)
        std::memcpy(fresh, old, std::size_t{block.slots} * width);
    else
        std::memset(fresh, 0, std::size_t{block.slots} * width);
    for (std::uint32_t i = 0; i < block.slots; ++i) {
        if (!has(block.rows, i))
            continue;
        ModelRow& row = block.component.rows[block.first + i];
        row.version = working_.tick;
        row.values[column.key] = becomes_null ? std::nullopt : std::optional(value);
        std::memcpy(fresh + std::size_t{i} * width, value.data(), width);
        const std::uint64_t bit = std::uint64_t{1} << i % 64;
        null_words[i / 64] = becomes_null ? null_words[i / 64] | bit : null_words[i / 64] & ~bit;
    }
    write_words(*store_, nulls, block.index, null_words);
    store_->mark_rows(block.id, block.index, block.rows.data());
}

void StoreProgram::remove_rows(Block& block) {
    choose_rows(block, true);
    const ColumnId presence{store_->working().component(block.id).presence};
    Words present = words_of(store_->working(), presence, block.index);
    for (std::size_t word = 0; word < present.size(); ++word)
        present[word] &= ~block.rows[word];
    write_words(*store_, presence, block.index, present);
    for (const ColumnDefinition& column : block.component.definition.columns) {
        const ColumnId id = *store_->working().find_column(block.id, column.key);
        const ColumnId nulls{store_->working().column(id).nulls};
        Words words = words_of(store_->working(), nulls, block.index);
        for (std::size_t word = 0; word < words.size(); ++word)
            words[word] &= ~block.rows[word];
        store_->clear_slots(id, block.index, block.rows.data());
        write_words(*store_, nulls, block.index, words);
    }
    for (std::uint32_t i = 0; i < block.slots; ++i)
        if (has(block.rows, i))
            block.component.rows.erase(block.first + i);
    store_->mark_rows(block.id, block.index, Words{}.data(), block.rows.data());
}

void StoreProgram::insert_rows(Block& block) {
    choose_rows(block, false);
    const ColumnId presence{store_->working().component(block.id).presence};
    Words present = words_of(store_->working(), presence, block.index);
    for (std::size_t word = 0; word < present.size(); ++word)
        present[word] |= block.rows[word];
    write_words(*store_, presence, block.index, present);
    for (const ColumnDefinition& column : block.component.definition.columns) {
        const ColumnId id = *store_->working().find_column(block.id, column.key);
        const ColumnId nulls{store_->working().column(id).nulls};
        Words words = words_of(store_->working(), nulls, block.index);
        for (std::size_t word = 0; word < words.size(); ++word)
            words[word] |= block.rows[word];
        write_words(*store_, nulls, block.index, words);
    }
    for (std::uint32_t i = 0; i < block.slots; ++i) {
        if (!has(block.rows, i))
            continue;
        ModelRow& row = block.component.rows[block.first + i];
        row.version = working_.tick;
        for (const ColumnDefinition& column : block.component.definition.columns)
            row.values[column.key] = std::nullopt;
    }
    store_->mark_rows(block.id, block.index, block.rows.data());
}

void StoreProgram::rewrite_block(std::set<std::pair<std::uint32_t, std::uint32_t>>& done) {
    ModelComponent* const component = any_component();
    if (component == nullptr)
        return;
    const ComponentId id = id_of(*component);
    const SpaceId space{store_->working().component(id).space};
    const std::uint32_t slots = store_->working().space(space).block_slots;
    if (store_->working().space_blocks(space) == 0)
        return;
    const std::uint32_t index = below(store_->working().space_blocks(space));
    if (!done.insert({id.value, index}).second)
        return;
    Block block{*component, id, index, index * slots, slots};
    const std::uint32_t choice = below(4);
    if (choice < 2 || component->is_dense())
        rewrite_column(block);
    else if (choice == 2)
        remove_rows(block);
    else
        insert_rows(block);
}

// What a group of systems does: several blocks, all or none.
void StoreProgram::rewrite_blocks() {
    ensure_tick();
    if (at_savepoint_)
        return;
    const Model before = working_;
    store_->begin_block_savepoint();
    std::set<std::pair<std::uint32_t, std::uint32_t>> done;
    for (std::uint32_t i = below(4) + 1; i-- > 0;)
        rewrite_block(done);
    if (below(3) == 0) {
        store_->rollback_block_savepoint();
        working_ = before;
    } else {
        store_->release_block_savepoint();
    }
}

} // namespace gamelan::store
