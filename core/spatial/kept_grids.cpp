#include "core/spatial/kept_grids.hpp"

#include "core/store/column_reader.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace gamelan::spatial {

namespace {

// From this share of the blocks on, sorting all points takes less time than moving those that moved
// (bench/core/spatial_bench, BM_MovingGrid*).
constexpr std::uint32_t rebuild_share = 4;

} // namespace

KeptGrid::KeptGrid(const store::Snapshot& view, PositionPlanes planes)
    : planes_(std::move(planes)), grid_(static_cast<std::uint32_t>(planes_.columns.size())) {
    if (planes_.columns.empty() || planes_.columns.size() > max_dimensions)
        throw Error(sqlstate::internal, "a position has 1 to 3 coordinates");
    if (planes_.presence != store::none)
        look_at_.push_back({planes_.presence});
    for (const store::ColumnId column : planes_.columns) {
        const store::ColumnSpec& spec = view.column(column);
        if (spec.type != ColumnType::f32 && spec.type != ColumnType::f64)
            throw Error(sqlstate::datatype_mismatch, "a coordinate is real or double precision");
        is_real_.push_back(spec.type == ColumnType::f32);
        look_at_.push_back(column);
        if (spec.nulls != store::none)
            look_at_.push_back({spec.nulls});
    }
}

// Rows that have coordinates, and these.
struct KeptGrid::Block {
    bool is_tame = true; // all values, also those of rows that lack another coordinate
    std::uint64_t rows[store::max_block_slots / 64];
    double at[max_dimensions][store::max_block_slots];
};

void KeptGrid::read_block(const store::Snapshot& view, std::uint32_t block, Block& out) const {
    out.is_tame = true;
    const std::uint32_t words = block_slots_ / 64;
    const std::uint32_t first = block * block_slots_;
    for (std::uint32_t word = 0; word < words; ++word) {
        const std::uint32_t left = slot_count_ - std::min(slot_count_, first + 64 * word);
        out.rows[word] = left >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << left) - 1;
    }
    if (planes_.presence != store::none) {
        const std::uint64_t* present = view.bits({planes_.presence}, block);
        for (std::uint32_t word = 0; word < words; ++word)
            out.rows[word] &= present ? present[word] : 0;
    }
    for (std::size_t d = 0; d < planes_.columns.size(); ++d) {
        const std::uint32_t nulls = view.column(planes_.columns[d]).nulls;
        if (const std::uint64_t* is_null = nulls == store::none ? nullptr : view.bits({nulls}, block))
            for (std::uint32_t word = 0; word < words; ++word)
                out.rows[word] &= ~is_null[word];
        const std::byte* values = view.block(planes_.columns[d], block);
        if (!values)
            std::fill_n(out.at[d], block_slots_, 0.0);
        else if (is_real_[d])
            for (std::uint32_t i = 0; i < block_slots_; ++i)
                out.at[d][i] = static_cast<double>(reinterpret_cast<const float*>(values)[i]);
        else
            std::memcpy(out.at[d], values, block_slots_ * sizeof(double));
        for (std::uint32_t word = 0; word < words; ++word) {
            std::uint64_t finite = 0;
            for (std::uint32_t bit = 0; bit < 64; ++bit)
                finite |= static_cast<std::uint64_t>(std::isfinite(out.at[d][64 * word + bit])) << bit;
            out.rows[word] &= finite;
        }
        // Single precision is always tame.
        for (std::uint32_t i = 0; !is_real_[d] && i < block_slots_; ++i)
            out.is_tame = out.is_tame && (!std::isfinite(out.at[d][i]) || is_tame(out.at[d][i]));
    }
}

// Whether it may have changed since it was noted last.
bool KeptGrid::note_block(const store::Snapshot& view, std::uint32_t block) {
    bool is_same = is_settled_[block];
    bool is_settled = true;
    for (std::size_t plane = 0; plane < width(); ++plane) {
        const store::Ref ref = view.block_ref(look_at_[plane], block);
        store::Ref& seen = seen_[block * width() + plane];
        is_same = is_same && seen.value == ref.value;
        is_settled = is_settled && (!ref || view.block_header(ref).sequence < view.sequence());
        seen = ref;
    }
    is_settled_[block] = is_settled;
    return !(is_same && is_settled);
}

void KeptGrid::refresh(const store::Snapshot& view) {
    const store::ColumnId column = planes_.columns.front();
    const std::uint32_t blocks = view.block_count(column);
    const std::uint32_t slots = std::min(view.slot_count(column), store::max_slots);
    const bool is_first = seen_.empty() || block_slots_ != view.block_slots(column) || slots < slot_count_ ||
                          slots > grid_.slot_room();
    block_slots_ = view.block_slots(column);
    slot_count_ = slots;
    seen_.resize(blocks * width());
    is_settled_.resize(blocks, false);
    std::vector<std::uint32_t> changed;
    for (std::uint32_t block = 0; block < blocks; ++block)
        if (note_block(view, block))
            changed.push_back(block);
    if (is_first || changed.size() > blocks / rebuild_share + 1)
        return rebuild(view);
    for (const std::uint32_t block : changed) {
        update_block(view, block);
        if (grid_.is_worn())
            return rebuild(view);
    }
}

void KeptGrid::rebuild(const store::Snapshot& view) {
    Block read;
    points_.clear();
    is_tame_ = true;
    const auto blocks = static_cast<std::uint32_t>(is_settled_.size());
    for (std::uint32_t block = 0; block < blocks; ++block) {
        read_block(view, block, read);
        is_tame_ = is_tame_ && read.is_tame;
        for (std::uint32_t word = 0; word < block_slots_ / 64; ++word)
            for (std::uint64_t rows = read.rows[word]; rows != 0; rows &= rows - 1) {
                const std::uint32_t place = 64 * word + static_cast<std::uint32_t>(std::countr_zero(rows));
                MovingGrid::Point& point = points_.emplace_back();
                point.slot = block * block_slots_ + place;
                for (std::size_t d = 0; d < is_real_.size(); ++d)
                    point.at[d] = read.at[d][place];
            }
    }
    grid_.rebuild(points_, slot_count_ + slot_count_ / 4 + store::max_block_slots);
    ++rebuilds_;
}

void KeptGrid::update_block(const store::Snapshot& view, std::uint32_t block) {
    Block read;
    read_block(view, block, read);
    is_tame_ = is_tame_ && read.is_tame;
    ++compared_;
    const std::uint32_t first = block * block_slots_;
    for (std::uint32_t i = 0; i < block_slots_ && first + i < slot_count_; ++i) {
        if ((read.rows[i / 64] >> i % 64 & 1) == 0) {
            grid_.remove(first + i);
            continue;
        }
        Position at{};
        for (std::size_t d = 0; d < is_real_.size(); ++d)
            at[d] = read.at[d][i];
        if (grid_.has(first + i) && grid_.position(first + i) == at)
            continue;
        grid_.put(first + i, at);
    }
}

KeptGrids& KeptGrids::of(store::WorldStore& store) {
    if (!store.derivation())
        store.derivation() = std::make_unique<KeptGrids>();
    return static_cast<KeptGrids&>(*store.derivation());
}

void KeptGrids::forget() {
    kept_.clear();
}

std::shared_ptr<const KeptGrid> KeptGrids::get(const store::Snapshot& working, const PositionPlanes& planes) {
    if (layout_version_ != working.layout_version() || incarnation_ != working.incarnation())
        kept_.clear();
    layout_version_ = working.layout_version();
    incarnation_ = working.incarnation();
    const auto known =
        std::find_if(kept_.begin(), kept_.end(), [&](const auto& grid) { return grid->planes() == planes; });
    if (known == kept_.end())
        kept_.insert(kept_.begin(), std::make_shared<KeptGrid>(working, planes));
    else
        std::rotate(kept_.begin(), known, known + 1);
    kept_.front()->refresh(working);
    std::size_t bytes = 0;
    std::size_t count = 0;
    while (count < kept_.size() && count < max_kept &&
           (count == 0 || bytes + kept_[count]->memory_bytes() <= max_kept_bytes))
        bytes += kept_[count++]->memory_bytes();
    kept_.resize(count);
    return kept_.front();
}

} // namespace gamelan::spatial
