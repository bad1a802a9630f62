// What is read from a version may be garbage once the view's pin was taken away. So sizes come from the
// table's place, which was checked when it was made; every reference is resolved within the region; the view
// is asked before each block, and again after values of rows were copied.
#include "extension/fdw/scan.hpp"

#include "extension/pg/definition.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace gamelan::fdw {

namespace {

constexpr std::uint32_t word_slots = 64;
constexpr std::uint32_t blocks_between_pauses = 1024;
// Longer values are copied only after the view was asked: a length may be garbage too.
constexpr std::uint32_t max_unchecked_bytes = 8192;
alignas(8) constexpr std::byte zeros[16] = {};

std::int64_t integer_at(const std::byte* at) {
    std::int64_t out;
    std::memcpy(&out, at, sizeof out);
    return out;
}

// Whose Datum is the value itself, and needs nothing looked up.
bool is_by_value(ColumnType type) {
    switch (type) {
    case ColumnType::boolean:
    case ColumnType::i8:
    case ColumnType::i16:
    case ColumnType::i32:
    case ColumnType::i64:
    case ColumnType::f32:
    case ColumnType::f64:
        return true;
    default:
        return false;
    }
}

// The integers that a condition names.
void named_integers(const query::Predicate& predicate, std::vector<std::int64_t>& out) {
    if (predicate.condition() == query::Condition::equal)
        out.push_back(integer_at(predicate.operand()));
    if (predicate.condition() != query::Condition::in_list)
        return;
    const auto list = predicate.list();
    for (std::size_t at = 0; at < list.size(); at += sizeof(std::int64_t))
        if (out.empty() || out.back() != integer_at(list.data() + at))
            out.push_back(integer_at(list.data() + at));
}

// The integers that may pass all of some conditions.
struct Range {
    std::int64_t least = 0;
    std::int64_t greatest = std::numeric_limits<std::int64_t>::max();

    void narrow(const query::Predicate& predicate) {
        const std::int64_t operand = integer_at(predicate.operand());
        switch (predicate.condition()) {
        case query::Condition::less:
        case query::Condition::less_equal:
            greatest = std::min(greatest, operand);
            break;
        case query::Condition::greater:
        case query::Condition::greater_equal:
            least = std::max(least, operand);
            break;
        default:
            break;
        }
    }
};

} // namespace

Scan::Scan(std::shared_ptr<const TableInfo> table, std::span<const PushedQual> quals,
           std::span<const AttrNumber> needed, int by_index)
    : table_(std::move(table)), index_qual_(by_index) {
    for (const PushedQual& spec : quals) {
        const ColumnInfo& column = table_->columns.at(static_cast<std::size_t>(spec.column - 1));
        const ColumnType type = column.role == ColumnRole::stored ? column.codec.stored : ColumnType::i64;
        quals_.push_back({spec, column.role, query::Predicate(type)});
        if (column.role == ColumnRole::handle) {
            has_handle_quals_ = true;
            if (names_rows(spec))
                route_ = Route::rows;
        }
    }
    if (route_ == Route::full && index_qual_ >= 0)
        route_ = Route::index;
    for (const AttrNumber number : needed)
        add_column(number);
    needed_count_ = columns_.size();
    for (const Qual& qual : quals_)
        add_column(qual.spec.column);
    for (const Column& column : columns_)
        needs_generation_ |= column.role == ColumnRole::handle;
    batch_values_.resize(columns_.size() * max_batch);
    batch_nulls_ = std::make_unique<bool[]>(columns_.size() * max_batch);
    needs_generation_ = !table_->is_cells && (needs_generation_ || has_handle_quals_);
}

Scan::~Scan() {
    if (view_ != nullptr && !helper_view_)
        release(view_, open_);
}

void Scan::add_column(AttrNumber number) {
    const auto is_same = [number](const Column& column) { return column.number == number; };
    if (std::any_of(columns_.begin(), columns_.end(), is_same))
        return;
    Column column{};
    column.number = number;
    column.info = &table_->columns.at(static_cast<std::size_t>(number - 1));
    column.role = column.info->role;
    if (column.role == ColumnRole::dropped)
        return;
    if (column.role == ColumnRole::stored)
        column.width = width_of(column.info->codec.stored);
    columns_.push_back(column);
}

void Scan::set_view(View* view) {
    if (view == view_)
        return;
    if (view_ != nullptr && !helper_view_)
        release(view_, open_);
    view_ = view;
    retain(view_, open_);
    opened_id_ = 0;
    has_all_worlds_ = false;
}

// Choosing worlds and rows.

bool Scan::accepts_world(std::int64_t id) const {
    return std::all_of(quals_.begin(), quals_.end(), [id](const Qual& qual) {
        return qual.role != ColumnRole::world ||
               qual.predicate.passes(reinterpret_cast<const std::byte*>(&id));
    });
}

bool Scan::accepts_handle(std::int64_t handle) const {
    return std::all_of(quals_.begin(), quals_.end(), [handle](const Qual& qual) {
        return qual.role != ColumnRole::handle ||
               qual.predicate.passes(reinterpret_cast<const std::byte*>(&handle));
    });
}

const std::vector<WorldPlace>& Scan::all_worlds() {
    if (!has_all_worlds_)
        list_worlds(table_->game, all_worlds_);
    has_all_worlds_ = true;
    return all_worlds_;
}

void Scan::choose_worlds() {
    worlds_.clear();
    const auto naming = std::find_if(quals_.begin(), quals_.end(), [](const Qual& qual) {
        return qual.role == ColumnRole::world && names_rows(qual.spec);
    });
    if (naming == quals_.end()) {
        for (const WorldPlace& world : all_worlds())
            if (accepts_world(world.id))
                worlds_.push_back(world);
        return;
    }
    rows_.clear();
    named_integers(naming->predicate, rows_);
    for (const std::int64_t id : rows_)
        if (accepts_world(id))
            if (const auto slot = find_world(id, table_->game))
                worlds_.push_back({id, *slot});
}

void Scan::choose_rows() {
    rows_.clear();
    const auto naming = std::find_if(quals_.begin(), quals_.end(), [](const Qual& qual) {
        return qual.role == ColumnRole::handle && names_rows(qual.spec);
    });
    if (naming == quals_.end())
        return;
    named_integers(naming->predicate, rows_);
    std::erase_if(rows_, [this](std::int64_t handle) { return handle < 0 || !accepts_handle(handle); });
}

void Scan::restart() {
    world_index_ = 0;
    is_in_world_ = false;
    word_ = end_word_ = 0;
    batch_size_ = batch_next_ = 0;
    is_over_ = std::any_of(quals_.begin(), quals_.end(), [](const Qual& qual) {
        return qual.predicate.condition() == query::Condition::never;
    });
    if (is_over_ || shared_ != nullptr)
        return;
    choose_worlds();
    if (route_ == Route::rows)
        choose_rows();
}

void Scan::touch_worlds() {
    for (const WorldPlace& world : worlds_)
        (void)view_->version(world.slot, world.id);
}

// Entering a world.

// False when it has not published anything.
bool Scan::open_world(const WorldPlace& world) {
    if (opened_id_ == world.id)
        return true;
    opened_id_ = 0;
    snapshot_ = view_->version(world.slot, world.id);
    if (!snapshot_)
        return false;
    place_ = table_->place_in(world.slot, world.id, *snapshot_, *view_);
    planet_ = table_->is_cells ? pg::rules_of(world.slot, world.id).planet() : nullptr;
    slot_count_ = place_->has_space ? snapshot_->slot_count(store::SpaceId{place_->space}) : 0;
    bind_columns();
    opened_id_ = world.id;
    is_working_ = pg::TickScope::of(world.id) != nullptr;
    ++counters.worlds;
    counters.tick = snapshot_->tick();
    return true;
}

void Scan::bind_columns() {
    for (Column& column : columns_) {
        if (column.role != ColumnRole::stored)
            continue;
        const ColumnPlace& place = place_->columns[static_cast<std::size_t>(column.number - 1)];
        column.values_plane = place.values;
        column.nulls_plane = place.nulls;
        column.is_missing = place.values == store::none;
    }
    is_testing_ = std::any_of(quals_.begin(), quals_.end(), [this](const Qual& qual) {
        return qual.role == ColumnRole::stored &&
               place_->columns[static_cast<std::size_t>(qual.spec.column - 1)].values == store::none;
    });
    column_count_ = is_testing_ ? columns_.size() : needed_count_;
    is_all_batched_ = true;
    for (std::size_t i = 0; i < column_count_; ++i) {
        Column& column = columns_[i];
        column.is_batched =
            column.role != ColumnRole::stored || column.is_missing || is_by_value(column.info->codec.stored);
        is_all_batched_ &= column.is_batched;
    }
}

bool Scan::is_default_missing() const {
    return std::any_of(columns_.begin(), columns_.begin() + static_cast<std::ptrdiff_t>(column_count_),
                       [](const Column& column) { return column.is_missing && !column.has_default; });
}

bool Scan::needs_default(AttrNumber number) const {
    return std::any_of(columns_.begin(), columns_.end(), [number](const Column& column) {
        return column.number == number && column.is_missing && !column.has_default;
    });
}

void Scan::set_default(AttrNumber number, Datum value, bool is_null, const pg::EncodedValue& encoded) {
    for (Column& column : columns_)
        if (column.number == number) {
            column.has_default = true;
            column.default_is_null = is_null;
            column.default_value = value;
            std::memcpy(column.default_bytes, encoded.inline_bytes, sizeof column.default_bytes);
        }
}

std::uint32_t Scan::blocks_of(const store::Snapshot& snapshot, const TablePlace& place) const {
    if (!place.has_space || (!place.has_component && !table_->is_cells))
        return 0;
    return snapshot.space_blocks(store::SpaceId{place.space});
}

// Where in the world a scan of everything has to look.
void Scan::choose_blocks() {
    block_ = 0;
    end_block_ = blocks_of(*snapshot_, *place_);
    // Ids of cells are not in the order of their slots.
    if (!has_handle_quals_ || table_->is_cells)
        return;
    Range range;
    for (const Qual& qual : quals_)
        if (qual.role == ColumnRole::handle)
            range.narrow(qual.predicate);
    // Handles of several generations lie in any slot.
    if (range.least > range.greatest)
        end_block_ = 0;
    else if (range.least >> 32 == range.greatest >> 32) {
        const auto least = static_cast<std::uint32_t>(range.least);
        const auto greatest = static_cast<std::uint32_t>(range.greatest);
        block_ = least / place_->block_slots;
        end_block_ = std::min(end_block_, greatest / place_->block_slots + 1);
    }
}

std::optional<Step> Scan::enter_world(const WorldPlace& world) {
    if (!open_world(world)) {
        waiting_for_ = world;
        return Step::wait_for_world;
    }
    if (is_default_missing() && blocks_of(*snapshot_, *place_) > 0)
        return Step::need_defaults;
    return std::nullopt;
}

// Finds the next slots to look at; an answer when there are none, or something has to be done first.
std::optional<Step> Scan::advance() {
    if (shared_ != nullptr)
        return advance_shared();
    for (;;) {
        if (!is_in_world_) {
            if (world_index_ == worlds_.size())
                return Step::end;
            if (const auto step = enter_world(worlds_[world_index_]))
                return step;
            is_in_world_ = true;
            row_index_ = 0;
            choose_entries();
            if (route_ != Route::rows && !uses_index_)
                choose_blocks();
        }
        if (route_ == Route::rows && row_index_ < rows_.size()) {
            load_row(rows_[row_index_++]);
            return std::nullopt;
        }
        if (std::uint32_t slot = 0; uses_index_ && next_entry(slot)) {
            load_slot(slot);
            return std::nullopt;
        }
        if (route_ != Route::rows && !uses_index_ && block_ < end_block_) {
            load_block(block_++);
            return std::nullopt;
        }
        is_in_world_ = false;
        ++world_index_;
    }
}

std::optional<Step> Scan::advance_shared() {
    for (;;) {
        if (!is_in_world_) {
            const std::uint64_t next = shared_->next_block.fetch_add(1, std::memory_order_relaxed);
            if (next >= shared_->block_count)
                return Step::end;
            const SharedWorld* begin = shared_->worlds;
            const SharedWorld* world =
                std::upper_bound(begin, begin + shared_->world_count, next,
                                 [](std::uint64_t block, const SharedWorld& candidate) {
                                     return block < candidate.first_block;
                                 }) -
                1;
            if (!accepts_world(world->id))
                continue;
            waiting_for_ = {world->id, world->slot};
            block_ = static_cast<std::uint32_t>(next - world->first_block);
        }
        is_in_world_ = true; // stays so when something has to be done before the block is read
        if (const auto step = enter_world(waiting_for_))
            return step;
        is_in_world_ = false;
        const std::uint32_t block = block_;
        choose_blocks();
        if (block < block_ || block >= end_block_)
            continue;
        load_block(block);
        return std::nullopt;
    }
}

// Blocks.

const std::byte* Scan::plane(std::uint32_t plane, std::uint32_t block, std::size_t bytes) const {
    const store::Ref ref = snapshot_->block_ref(store::ColumnId{plane}, block);
    if (!ref)
        return nullptr;
    return snapshot_->region().resolve(ref, sizeof(store::BlockHeader) + bytes) + sizeof(store::BlockHeader);
}

// Which slots of some words of a block have a row, into mask_[0 .. words).
void Scan::fill_presence(std::uint32_t block, std::uint32_t first_word, std::uint32_t words) {
    if (place_->presence != store::none) {
        const std::byte* bits = plane(place_->presence, block, place_->block_slots / 8);
        if (bits == nullptr)
            std::fill_n(mask_, words, 0);
        else
            std::memcpy(mask_, bits + first_word * sizeof(std::uint64_t), words * sizeof(std::uint64_t));
        return;
    }
    for (std::uint32_t w = 0; w < words; ++w) {
        const std::uint32_t slot = first_slot_ + (first_word + w) * word_slots;
        // Between the layers of a planet are slots without cells.
        const std::uint32_t left = planet_ != nullptr ? planet_->cells_from(slot) : 0;
        mask_[w] = left >= word_slots ? ~std::uint64_t{0} : (std::uint64_t{1} << left) - 1;
    }
}

bool Scan::zones_may_match(std::uint32_t block) const {
    return is_working_ || std::all_of(quals_.begin(), quals_.end(), [this, block](const Qual& qual) {
               if (qual.role != ColumnRole::stored)
                   return true;
               const std::uint32_t values =
                   place_->columns[static_cast<std::size_t>(qual.spec.column - 1)].values;
               if (values == store::none)
                   return true;
               const auto zone = snapshot_->zone(store::ColumnId{values}, block);
               return !zone || qual.predicate.may_match(*zone);
           });
}

void Scan::narrow(std::uint32_t block, std::uint32_t first_word, std::uint32_t words) {
    for (const Qual& qual : quals_) {
        if (qual.role != ColumnRole::stored)
            continue;
        const ColumnPlace& place = place_->columns[static_cast<std::size_t>(qual.spec.column - 1)];
        if (place.values == store::none || qual.spec.form == OperandForm::contents)
            continue; // the executor tests it
        const std::uint32_t width = width_of(qual.predicate.type());
        const std::byte* values = plane(place.values, block, place_->block_slots * width);
        const std::byte* nulls =
            place.nulls == store::none ? nullptr : plane(place.nulls, block, place_->block_slots / 8);
        qual.predicate.narrow(
            mask_, words, values == nullptr ? nullptr : values + first_word * word_slots * width,
            nulls == nullptr ? nullptr : reinterpret_cast<const std::uint64_t*>(nulls) + first_word);
    }
}

void Scan::fetch_columns(std::uint32_t block) {
    for (std::size_t i = 0; i < column_count_; ++i) {
        Column& column = columns_[i];
        if (column.role != ColumnRole::stored || column.is_missing)
            continue;
        column.values = plane(column.values_plane, block, place_->block_slots * column.width);
        column.stride = column.values == nullptr ? 0 : column.width;
        if (column.values == nullptr)
            column.values = zeros;
        column.nulls = column.nulls_plane == store::none
                           ? nullptr
                           : reinterpret_cast<const std::uint64_t*>(
                                 plane(column.nulls_plane, block, place_->block_slots / 8));
    }
    if (needs_generation_)
        generations_ = plane(place_->generation, block, place_->block_slots * sizeof(std::uint32_t));
}

void Scan::load_block(std::uint32_t block) {
    view_->check();
    word_ = end_word_ = 0;
    if (!zones_may_match(block)) {
        ++counters.blocks_skipped;
        return;
    }
    ++counters.blocks_scanned;
    first_slot_ = block * place_->block_slots;
    const std::uint32_t words = place_->block_slots / word_slots;
    fill_presence(block, 0, words);
    narrow(block, 0, words);
    fetch_columns(block);
    end_word_ = words;
}

void Scan::load_row(std::int64_t handle) {
    word_ = end_word_ = 0;
    if (planet_ != nullptr) {
        if (const auto slot = planet_->find_slot(handle))
            load_slot(*slot);
    } else {
        load_slot(static_cast<std::uint32_t>(handle));
    }
}

// Looks at one slot only: the mask of its word alone.
void Scan::load_slot(std::uint32_t slot) {
    word_ = end_word_ = 0;
    if (slot >= slot_count_ || (!place_->has_component && !table_->is_cells))
        return;
    const std::uint32_t block = slot / place_->block_slots;
    const std::uint32_t in_block = slot % place_->block_slots;
    first_slot_ = block * place_->block_slots;
    fill_presence(block, in_block / word_slots, 1);
    mask_[0] &= std::uint64_t{1} << in_block % word_slots;
    if (mask_[0] == 0)
        return;
    narrow(block, in_block / word_slots, 1);
    if (mask_[0] == 0)
        return;
    fetch_columns(block);
    mask_[in_block / word_slots] = mask_[0];
    word_ = in_block / word_slots;
    end_word_ = word_ + 1;
}

// Finds the current world's index, unless there was no memory for it or the layout is of another time.
void Scan::choose_entries() {
    uses_index_ = false;
    if (route_ != Route::index || is_working_)
        return;
    const Qual& qual = quals_[static_cast<std::size_t>(index_qual_)];
    const std::uint32_t number = place_->columns[static_cast<std::size_t>(qual.spec.column - 1)].index;
    if (number == store::none ||
        !store::OrderedIndex(snapshot_->region(), snapshot_->index(number)).is_built())
        return;
    uses_index_ = true;
    qual.predicate.key_ranges(ranges_);
    range_index_ = 0;
    cursor_.reset();
}

bool Scan::next_entry(std::uint32_t& slot) {
    const Qual& qual = quals_[static_cast<std::size_t>(index_qual_)];
    const std::uint32_t number = place_->columns[static_cast<std::size_t>(qual.spec.column - 1)].index;
    for (;;) {
        store::IndexEntry entry;
        if (cursor_ && cursor_->next(entry)) {
            slot = entry.slot;
            return true;
        }
        if (range_index_ == ranges_.size())
            return false;
        const auto range = ranges_[range_index_++];
        cursor_.emplace(
            store::OrderedIndex(snapshot_->region(), snapshot_->index(number)).range(range.low, range.high));
    }
}

// Rows.

std::int64_t Scan::handle_of(std::uint32_t slot) const {
    if (planet_ != nullptr)
        return planet_->cell_id_of(first_slot_ + slot);
    std::uint32_t generation = 0;
    if (generations_ != nullptr && !table_->is_cells)
        std::memcpy(&generation, generations_ + slot * sizeof generation, sizeof generation);
    return static_cast<std::int64_t>(std::uint64_t{generation} << 32 | (first_slot_ + slot));
}

Datum Scan::value_at(Column& column, std::uint32_t slot) const {
    const std::byte* at = column.values + std::size_t{slot} * column.stride;
    const ColumnType type = column.info->codec.stored;
    if (type == ColumnType::value) {
        store::ValueSlot stored;
        std::memcpy(&stored, at, sizeof stored);
        if (stored.bytes > max_unchecked_bytes)
            view_->check();
        return column.info->codec.decode_value(snapshot_->contents(stored));
    }
    if (column.width < sizeof column.room)
        return column.info->codec.decode_fixed(at);
    std::memcpy(column.room, at, sizeof column.room);
    return column.info->codec.decode_fixed(column.room);
}

template <class T, class ToDatum>
void Scan::read_values(const Column& column, Datum* values, ToDatum to_datum) const {
    for (std::uint32_t k = 0; k < batch_size_; ++k) {
        T value;
        std::memcpy(&value, column.values + std::size_t{batch_slots_[k]} * column.stride, sizeof value);
        values[k] = to_datum(value);
    }
}

// A column of all rows of the batch.
void Scan::read_many(const Column& column, Datum* values, bool* nulls) const {
    std::fill_n(nulls, batch_size_, column.is_missing && column.default_is_null);
    if (column.role == ColumnRole::world)
        return (void)std::fill_n(values, batch_size_, Int64GetDatum(opened_id_));
    if (column.role == ColumnRole::handle) {
        for (std::uint32_t k = 0; k < batch_size_; ++k)
            values[k] = Int64GetDatum(handle_of(batch_slots_[k]));
        return;
    }
    if (column.is_missing)
        return (void)std::fill_n(values, batch_size_, column.default_value);
    if (column.nulls != nullptr)
        for (std::uint32_t k = 0; k < batch_size_; ++k)
            nulls[k] = (column.nulls[batch_slots_[k] / word_slots] >> batch_slots_[k] % word_slots & 1) != 0;
    switch (column.info->codec.stored) {
    case ColumnType::boolean:
        return read_values<std::uint8_t>(column, values, [](auto v) { return BoolGetDatum(v != 0); });
    case ColumnType::i8:
        return read_values<char>(column, values, [](auto v) { return CharGetDatum(v); });
    case ColumnType::i16:
        return read_values<std::int16_t>(column, values, [](auto v) { return Int16GetDatum(v); });
    case ColumnType::i32:
        return read_values<std::int32_t>(column, values, [](auto v) { return Int32GetDatum(v); });
    case ColumnType::i64:
        return read_values<std::int64_t>(column, values, [](auto v) { return Int64GetDatum(v); });
    case ColumnType::f32:
        return read_values<float>(column, values, [](auto v) { return Float4GetDatum(v); });
    default:
        return read_values<double>(column, values, [](auto v) { return Float8GetDatum(v); });
    }
}

// What is in the word of the mask that the scan is at. Values that are Datums by themselves are copied for
// all rows together, and the view is asked once; others are made row by row.
void Scan::fill_batch() {
    batch_size_ = batch_next_ = 0;
    for (std::uint64_t left = mask_[word_]; left != 0; left &= left - 1)
        batch_slots_[batch_size_++] = word_ * word_slots + static_cast<std::uint32_t>(std::countr_zero(left));
    mask_[word_] = 0;
    for (std::size_t i = 0; i < column_count_; ++i)
        if (columns_[i].is_batched)
            read_many(columns_[i], &batch_values_[i * max_batch], &batch_nulls_[i * max_batch]);
    view_->check();
}

void Scan::hand_out(Datum* values, bool* nulls) {
    const std::uint32_t row = batch_next_++;
    for (std::size_t i = 0; i < column_count_; ++i) {
        Column& column = columns_[i];
        Datum& value = values[column.number - 1];
        bool& is_null = nulls[column.number - 1];
        if (column.is_batched) {
            value = batch_values_[i * max_batch + row];
            is_null = batch_nulls_[i * max_batch + row];
            continue;
        }
        const std::uint32_t slot = batch_slots_[row];
        is_null = column.nulls != nullptr && (column.nulls[slot / word_slots] >> slot % word_slots & 1) != 0;
        if (!is_null)
            value = value_at(column, slot);
    }
    if (!is_all_batched_)
        view_->check();
}

Step Scan::next(Datum* values, bool* nulls) {
    while (batch_next_ == batch_size_) {
        if (is_over_)
            return Step::end;
        while (word_ < end_word_ && mask_[word_] == 0)
            ++word_;
        if (word_ < end_word_) {
            if (has_handle_quals_)
                drop_unaccepted_handles(word_, word_ + 1);
            fill_batch();
            continue;
        }
        if (++blocks_since_pause_ == blocks_between_pauses) {
            blocks_since_pause_ = 0;
            return Step::pause;
        }
        if (const auto step = advance()) {
            is_over_ = *step == Step::end;
            return *step;
        }
    }
    hand_out(values, nulls);
    return is_testing_ ? Step::row_to_test : Step::row;
}

// Aggregates.

const Scan::Column& Scan::column_of(AttrNumber number) const {
    return *std::find_if(columns_.begin(), columns_.end(),
                         [number](const Column& column) { return column.number == number; });
}

// Whether rows of a world that lacks columns pass the conditions on those: all do, or none.
bool Scan::defaults_pass() const {
    return std::all_of(quals_.begin(), quals_.end(), [this](const Qual& qual) {
        const Column& column = column_of(qual.spec.column);
        if (qual.role != ColumnRole::stored || !column.is_missing)
            return true;
        switch (qual.predicate.condition()) {
        case query::Condition::is_null:
            return column.default_is_null;
        case query::Condition::is_not_null:
            return !column.default_is_null;
        default:
            return !column.default_is_null && qual.predicate.passes(column.default_bytes);
        }
    });
}

void Scan::drop_unaccepted_handles(std::uint32_t first_word, std::uint32_t end_word) {
    for (std::uint32_t w = first_word; w < end_word; ++w)
        for (std::uint64_t left = mask_[w]; left != 0; left &= left - 1) {
            const auto bit = static_cast<std::uint32_t>(std::countr_zero(left));
            if (!accepts_handle(handle_of(w * word_slots + bit)))
                mask_[w] &= ~(std::uint64_t{1} << bit);
        }
}

// All rows of the mask at once.
void Scan::take_block(std::span<Aggregate> aggregates) {
    if (has_handle_quals_)
        drop_unaccepted_handles(word_, end_word_);
    const std::uint32_t words = end_word_ - word_;
    for (Aggregate& aggregate : aggregates) {
        query::Accumulator& accumulator = aggregate.accumulator;
        const Column* column = aggregate.column == 0 ? nullptr : &column_of(aggregate.column);
        if (column == nullptr || column->role != ColumnRole::stored) {
            accumulator.add(mask_ + word_, words, nullptr, nullptr); // never NULL
        } else if (!column->is_missing) {
            const std::byte* values = column->stride == 0
                                          ? nullptr
                                          : column->values + std::size_t{word_} * word_slots * column->stride;
            accumulator.add(mask_ + word_, words, values,
                            column->nulls == nullptr ? nullptr : column->nulls + word_);
        } else if (!column->default_is_null) {
            std::uint64_t rows = 0;
            for (std::uint32_t w = word_; w < end_word_; ++w)
                rows += static_cast<std::uint64_t>(std::popcount(mask_[w]));
            accumulator.add_same(rows, column->default_bytes);
        }
    }
    word_ = end_word_;
}

Step Scan::take_all(std::span<Aggregate> aggregates) {
    while (!is_over_) {
        if (word_ < end_word_ && (!is_testing_ || defaults_pass()))
            take_block(aggregates);
        word_ = end_word_;
        if (++blocks_since_pause_ == blocks_between_pauses) {
            blocks_since_pause_ = 0;
            return Step::pause;
        }
        if (const auto step = advance()) {
            is_over_ = *step == Step::end;
            if (!is_over_)
                return *step;
        }
    }
    view_->check();
    return Step::end;
}

// Sharing.

std::size_t Scan::shared_bytes(std::size_t worlds) {
    return offsetof(SharedScan, worlds) + worlds * sizeof(SharedWorld);
}

void Scan::fill_shared(SharedScan& shared, std::span<const WorldPlace> worlds) {
    shared.leader = view_->as_leader();
    shared.world_count = 0;
    shared.block_count = 0;
    for (const WorldPlace& world : worlds) {
        const auto snapshot = view_->version(world.slot, world.id);
        if (!snapshot)
            continue;
        const auto place = table_->place_in(world.slot, world.id, *snapshot, *view_);
        shared.worlds[shared.world_count++] = {world.id, world.slot, snapshot->root_ref(),
                                               shared.block_count};
        shared.block_count += blocks_of(*snapshot, *place);
    }
    view_->check();
    shared.next_block.store(0);
    shared.blocks_scanned.store(0);
    shared.blocks_skipped.store(0);
}

void Scan::stop_sharing() {
    if (shared_ == nullptr)
        return;
    if (helper_view_) {
        shared_->blocks_scanned.fetch_add(counters.blocks_scanned);
        shared_->blocks_skipped.fetch_add(counters.blocks_skipped);
        counters = {};
    } else {
        counters.blocks_scanned += shared_->blocks_scanned.exchange(0);
        counters.blocks_skipped += shared_->blocks_skipped.exchange(0);
    }
    shared_ = nullptr;
    is_over_ = true;
    batch_size_ = batch_next_ = 0;
}

void Scan::share(SharedScan* shared) {
    shared_ = shared;
    if (view_ != nullptr)
        return;
    helper_view_.emplace(shared->leader, pg::past::wanted());
    view_ = &*helper_view_;
    for (std::uint32_t i = 0; i < shared->world_count; ++i)
        view_->remember(shared->worlds[i].id, shared->worlds[i].root);
}

} // namespace gamelan::fdw
