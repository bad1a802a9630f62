// Checkpoints of worlds played at random (store_program.hpp): a full one and any chain of increments behind
// it restore the state they were taken of, into stores with blocks of any size.
#include "store_program.hpp"

#include "core/codec/checkpoint_state.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <random>

namespace gamelan::codec {
namespace {

using store::Model;
using store::Snapshot;
using store::StoreProgram;

// As recovery does it.
void require_restored(const std::vector<StateCopy>& chain, const Model& model, std::uint32_t block_slots) {
    const store::TestRegion region(32u << 20);
    store::WorldStore store = store::WorldStore::create(*region, region->claim_slot(1),
                                                        store::bare_layout(block_slots), region.limit());
    const StateOutline& last = chain.back().outline;
    store.begin_tick();
    restore_layout(store, last.definition);
    restore_spaces(store, last.spaces);
    for (const StateCopy& copy : chain)
        for (const CheckpointPart& part : copy.parts)
            restore_part(store, decompress(compress(part)));
    const Snapshot restored = store.seal(last.tick);
    require_equal(restored, model);
    if (restored.state_hash() != last.state_hash || restored.state_hash_kept() != last.state_hash)
        throw std::runtime_error("the state hash of what was restored");
}

// A chain that grows as the world is played, by a checkpoint now and then.
class Chain {
  public:
    explicit Chain(std::uint32_t seed) : random_(seed) {}

    void read(const Snapshot& snapshot, const Model& model) {
        if (random_() % 3 == 0)
            return;
        const bool is_same_layout = !chain_.empty() && last().sequence >= snapshot.layout_version();
        const Since since = is_same_layout && random_() % 8 != 0 ? Since(last().sequence) : std::nullopt;
        if (!since)
            chain_.clear();
        chain_.push_back(copy_state(snapshot, since));
        if (last().state_hash != snapshot.state_hash())
            throw std::runtime_error("the state hash of kept shares");
        increments += since ? 1 : 0;
        longest = std::max(longest, chain_.size());
        require_restored(chain_, model, random_() % 2 == 0 ? 64 : 1024);
    }

    std::size_t increments = 0;
    std::size_t longest = 0;

  private:
    const StateOutline& last() const { return chain_.back().outline; }
    std::vector<StateCopy> chain_;
    std::mt19937 random_;
};

void play(const std::vector<std::uint8_t>& bytes, Chain& chain) {
    StoreProgram program(bytes, StoreProgram::Memory::plenty);
    program.read_published(
        [&](const Snapshot& snapshot, const Model& model) { chain.read(snapshot, model); });
    program.run();
}

RC_GTEST_PROP(CheckpointProperty, AnyChainRestoresTheState, (const std::vector<std::uint8_t>& bytes)) {
    Chain chain(static_cast<std::uint32_t>(bytes.size()));
    play(bytes, chain);
}

TEST(CheckpointChain, LongLivesAreRestored) {
    std::size_t increments = 0;
    std::size_t longest = 0;
    for (std::uint32_t seed = 1; seed <= 12; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 random(seed);
        std::vector<std::uint8_t> bytes(4000);
        for (std::uint8_t& byte : bytes)
            byte = static_cast<std::uint8_t>(random());
        Chain chain(seed);
        EXPECT_NO_THROW(play(bytes, chain));
        increments += chain.increments;
        longest = std::max(longest, chain.longest);
    }
    EXPECT_GT(increments, 100u) << "too few to say anything";
    EXPECT_GT(longest, 4u);
}

// Entities that come and go, one block in a hundred changed: an increment is small, and says which blocks
// became zero.
TEST(CheckpointChain, AnIncrementHoldsWhatChanged) {
    const store::TestRegion region(64u << 20);
    Model model;
    store::ModelComponent position;
    position.definition.name = "position";
    position.definition.space = store::entity_space;
    position.definition.key = 1;
    position.definition.columns.push_back({"x", ColumnType::f64, {}, 1, {}});
    model.components[1] = position;
    store::WorldStore store =
        store::WorldStore::create(*region, region->claim_slot(1), store::bare_layout(1024), region.limit());
    store.begin_tick();
    store.change_layout(*plan_layout_change(store.working(), model.definition()));
    store.extend_space(*store.working().find_space(store::entity_space), 100 * 1024);
    const store::ComponentId component = *store.working().find_component("position");
    const store::ColumnId x = *store.working().find_column(component, "x");
    for (std::uint32_t slot = 0; slot < 100 * 1024; ++slot) {
        store.insert_row(component, slot);
        store.set<double>(x, slot, slot);
    }
    const StateCopy full = copy_state(store.seal(1));
    store.publish();
    store.begin_tick();
    for (std::uint32_t slot = 1024; slot < 1024 + 64; ++slot)
        store.delete_row(component, slot);
    store.set<double>(x, 5000, -1);
    store.seal(2);
    store.publish();
    const Snapshot now = store.newest();
    const StateCopy increment = copy_state(now, full.outline.sequence);
    std::size_t full_bytes = 0, bytes = 0;
    for (const CheckpointPart& part : full.parts)
        full_bytes += part.bytes.size();
    for (const CheckpointPart& part : increment.parts)
        bytes += part.bytes.size();
    EXPECT_LT(bytes * 30, full_bytes);
    const Extent extent = extent_of(now, full.outline.sequence);
    EXPECT_LT(extent.changed_bytes * 30, extent.all_bytes);
    EXPECT_TRUE(copy_state(now, now.sequence()).parts.empty()) << "nothing changed since now";
    EXPECT_THROW((void)copy_state(now, 0), Error) << "from before the layout";

    const store::TestRegion other(64u << 20);
    store::WorldStore restored =
        store::WorldStore::create(*other, other->claim_slot(1), store::bare_layout(64), other.limit());
    restored.begin_tick();
    restore_layout(restored, increment.outline.definition);
    restore_spaces(restored, increment.outline.spaces);
    for (const StateCopy* copy : {&full, &increment})
        for (const CheckpointPart& part : copy->parts)
            restore_part(restored, part);
    EXPECT_EQ(restored.seal(2).state_hash(), now.state_hash());
}

// A part that was tampered with behind its checksum is refused, and never written outside its column.
TEST(CheckpointPart, DamageIsRefused) {
    const store::TestRegion region;
    store::Layout layout;
    const store::SpaceId cells = layout.add_space("cell", 640, 64);
    layout.add_column(cells, "amount", ColumnType::u8);
    store::WorldStore store =
        store::WorldStore::create(*region, region->claim_slot(1), layout, region.limit());
    store.begin_tick();
    const std::string good = std::string("\x01\x00\x02", 3) + std::string(64, 'x');
    EXPECT_NO_THROW(restore_part(store, {"cell.amount", 64, 64, good}));
    const auto is_refused = [&](const CheckpointPart& part) {
        EXPECT_THROW(restore_part(store, part), Error) << part.first_slot << " " << part.slots;
    };
    is_refused({"cell.nothing", 64, 64, good});
    is_refused({"cell.amount", 640, 64, good});
    is_refused({"cell.amount", 0xffffffc0u, 64, good});
    is_refused({"cell.amount", 65, 64, good});
    is_refused({"cell.amount", 64, 128, good});
    is_refused({"cell.amount", 64, 0, good});
    is_refused({"cell.amount", 64, 64, good + "x"});
    is_refused({"cell.amount", 64, 64, good.substr(0, 40)});
    is_refused({"cell.amount", 64, 64, std::string("\x01\x01\x02", 3) + std::string(64, 'x')});
    is_refused({"cell.amount", 64, 64, std::string("\x00", 1)});
    is_refused({"cell.amount", 64, 64, {}});
    std::mt19937 random(1);
    for (int i = 0; i < 20000; ++i) {
        CheckpointPart part{"cell.amount", static_cast<std::uint32_t>(random() % 12 * 64),
                            static_cast<std::uint32_t>(random() % 12 * 64), good};
        part.bytes[random() % 3] = static_cast<char>(random());
        try {
            restore_part(store, part);
        } catch (const Error&) {
        }
    }
    EXPECT_NO_THROW(store.seal(1));
}

} // namespace
} // namespace gamelan::codec
