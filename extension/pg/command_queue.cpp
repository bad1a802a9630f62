#include "extension/pg/command_queue.hpp"

#include "core/base/hash.hpp"
#include "core/codec/command_batch.hpp"

#include <algorithm>

namespace gamelan::pg {

namespace {

// Beyond it a new entry begins: growing one string of hundreds of megabytes copies them again and again.
constexpr std::size_t max_entry_bytes = 1 << 20;

} // namespace

std::size_t CommandQueue::KeyHash::operator()(const RowKey& key) const {
    return mix64(mix64(static_cast<std::uint64_t>(key.world_id) + (key.component << 40)) + key.handle);
}

void CommandQueue::add_command(std::int64_t world_id, SubTransaction subtransaction,
                               std::string_view encoded) {
    entries_.push_back({world_id, subtransaction, std::string(encoded), nullptr, 0});
    ++commands_;
}

void CommandQueue::add_row(std::int64_t world_id, SubTransaction subtransaction,
                           const std::shared_ptr<const codec::RowGroup>& group, std::string_view row) {
    const bool continues = !entries_.empty() && entries_.back().group == group &&
                           entries_.back().world_id == world_id &&
                           entries_.back().subtransaction == subtransaction &&
                           entries_.back().encoded.size() + row.size() <= max_entry_bytes;
    if (!continues)
        entries_.push_back({world_id, subtransaction, {}, group, 0});
    entries_.back().encoded.append(row);
    ++entries_.back().row_count;
    row_bytes_ += row.size();
}

// Statements write rows in runs, mostly: the page of the row before serves the next.
CommandQueue::Page* CommandQueue::page_of(const RowKey& key, bool is_wanted) {
    const RowKey page_key{key.world_id, key.component, key.handle / 64};
    if (last_page_ != nullptr && last_key_ == page_key)
        return last_page_;
    const auto found = is_wanted ? pages_.try_emplace(page_key).first : pages_.find(page_key);
    if (found == pages_.end())
        return nullptr;
    last_key_ = page_key;
    last_page_ = &found->second;
    return last_page_;
}

std::optional<bool> CommandQueue::own_row(const RowKey& key) {
    if (pages_.empty())
        return std::nullopt;
    const Page* page = page_of(key, false);
    const std::uint64_t bit = 1ULL << key.handle % 64;
    if (page == nullptr || (page->known & bit) == 0)
        return std::nullopt;
    return (page->there & bit) != 0;
}

void CommandQueue::set_row(const RowKey& key, std::optional<bool> is_there) {
    Page& page = *page_of(key, true);
    const std::uint64_t bit = 1ULL << key.handle % 64;
    page.known = is_there ? page.known | bit : page.known & ~bit;
    page.there = is_there.value_or(false) ? page.there | bit : page.there & ~bit;
}

void CommandQueue::note_row(const RowKey& key, SubTransaction subtransaction, bool is_there) {
    if (subtransaction != whole_transaction)
        notes_.push_back({key, subtransaction, own_row(key)});
    set_row(key, is_there);
}

void CommandQueue::merge(SubTransaction from, SubTransaction into) {
    for (Entry& entry : entries_)
        if (entry.subtransaction == from)
            entry.subtransaction = into;
    for (auto note = notes_.rbegin(); note != notes_.rend() && note->subtransaction == from; ++note)
        note->subtransaction = into;
    if (into == whole_transaction)
        notes_.clear();
}

// What a subtransaction noted is at the end: those it held were merged into it or gone.
void CommandQueue::discard(SubTransaction subtransaction) {
    std::erase_if(entries_, [&](const Entry& entry) {
        if (entry.subtransaction != subtransaction)
            return false;
        if (entry.group)
            row_bytes_ -= entry.encoded.size();
        else
            --commands_;
        return true;
    });
    while (!notes_.empty() && notes_.back().subtransaction == subtransaction) {
        set_row(notes_.back().key, notes_.back().before);
        notes_.pop_back();
    }
}

void CommandQueue::clear() {
    *this = {};
}

bool CommandQueue::has_rows(std::int64_t world_id) const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const Entry& entry) { return entry.world_id == world_id && entry.group; });
}

std::vector<game::Command> CommandQueue::take(std::int64_t world_id, std::int64_t writes_handle,
                                              const std::string& actor) {
    std::vector<game::Command> out;
    std::size_t writes = ~std::size_t{0};
    ByteWriter body;
    for (const Entry& entry : entries_) {
        if (entry.world_id != world_id)
            continue;
        if (!entry.group) {
            for (game::Command& command : codec::decode_commands(entry.encoded))
                out.push_back(std::move(command));
            continue;
        }
        if (writes == ~std::size_t{0}) {
            writes = out.size();
            game::Command& command = out.emplace_back();
            command.kind = game::CommandKind::writes;
            command.handle = writes_handle;
            command.actor = actor;
        }
        codec::WriteSetWriter::put_group(body, *entry.group, entry.row_count, entry.encoded);
    }
    if (writes != ~std::size_t{0})
        out[writes].body = body.take();
    std::erase_if(entries_, [&](const Entry& entry) { return entry.world_id == world_id; });
    return out;
}

} // namespace gamelan::pg
