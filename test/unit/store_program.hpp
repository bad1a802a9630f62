// A world played by bytes: each says what happens next to a WorldStore and to a plain model of maps beside
// it, and both are compared. Property tests draw the bytes, and shrink them; a fuzzer breeds them.
#pragma once

#include "store_memory.hpp"

#include "core/store/layout_change.hpp"
#include "core/store/ordered_index.hpp"

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace gamelan::store {

// What a row's columns hold, by the columns' keys: bytes, or nothing for NULL.
struct ModelRow {
    std::map<std::int32_t, std::optional<std::string>> values;
    std::uint64_t version = 0;
};

struct ModelComponent {
    ComponentDefinition definition;
    std::map<std::uint32_t, ModelRow> rows; // by slot
    bool is_dense() const { return definition.space != entity_space; }
};

struct Model {
    std::uint64_t tick = 0;
    std::uint64_t incarnation = 1;
    std::uint32_t entity_slots = 0;
    std::map<std::uint64_t, ModelComponent> components; // by key

    Definition definition() const;
};

class StoreProgram {
  public:
    // `small_region`: so little memory that running out of it is part of the play.
    enum class Memory { plenty, scarce };
    StoreProgram(std::span<const std::uint8_t> bytes, Memory memory);

    // Called with each version that is published.
    using Reader = std::function<void(const Snapshot&, const Model&)>;
    void read_published(Reader reader) { reader_ = std::move(reader); }

    // Throws std::runtime_error when store and model differ, or when memory was lost.
    void run();

    static constexpr std::uint32_t cells = 130;

  private:
    std::uint32_t below(std::uint32_t limit);
    std::string random_value(ColumnType type);
    bool is_done() const { return next_ >= bytes_.size(); }

    void step();
    void play(std::uint32_t choice);
    void ensure_tick();
    void abandon_tick();
    void seal_tick();
    void publish();
    void crash();

    void insert_or_delete_row();
    void change_row();
    void write_column(ComponentId id, const ColumnDefinition& column, std::uint32_t slot, ModelRow& row);
    void extend();
    void savepoint();
    void write_block();
    struct Block;
    void choose_rows(Block& block, bool are_there);
    void rewrite_column(Block& block);
    void remove_rows(Block& block);
    void insert_rows(Block& block);
    void rewrite_block(std::set<std::pair<std::uint32_t, std::uint32_t>>& done);
    void rewrite_blocks();
    void change_layout();
    void change_definition(ModelComponent& component);
    ColumnDefinition new_column();

    ModelComponent* any_component();
    ComponentId id_of(const ModelComponent& component) const;

    std::span<const std::uint8_t> bytes_;
    std::size_t next_ = 0;
    TestRegion region_;
    std::optional<WorldStore> store_;
    Model published_;
    std::deque<Model> sealed_;
    Model working_; // valid in a tick
    std::optional<Model> at_savepoint_;
    std::int32_t next_key_ = 100;
    Reader reader_;
};

// The spaces of such a world, without components.
Layout bare_layout(std::uint32_t block_slots);
// Throws std::runtime_error when the version is not what the model says: values, NULLs, versions, indexes,
// zones.
void require_equal(const Snapshot& snapshot, const Model& model);
// The state hash of a world that comes to the model's state on the straightest way, in blocks of that size.
std::uint64_t straight_hash(const Model& model, std::uint32_t block_slots);

} // namespace gamelan::store
