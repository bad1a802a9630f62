#include "gateway/outbox.hpp"

#include <algorithm>
#include <utility>

namespace gamelan::gateway {

void Outbox::push_reply(SharedText text) {
    queued_bytes_ += text->size();
    queued_reply_bytes_ += text->size();
    replies_.push_back(std::move(text));
}

void Outbox::push_state(SharedText text, std::uint64_t after_act, std::int64_t hold_until_ms) {
    queued_bytes_ += text->size();
    states_.push_back({std::move(text), after_act, hold_until_ms});
}

void Outbox::drop_states() {
    for (const HeldState& state : states_)
        queued_bytes_ -= state.text->size();
    states_.clear();
}

bool Outbox::state_released(std::int64_t now_ms) const {
    const HeldState& state = states_.front();
    return answered_ >= state.after_act || now_ms >= state.hold_until_ms;
}

bool Outbox::ready(std::int64_t now_ms) const {
    return current_ || !replies_.empty() || (!states_.empty() && state_released(now_ms));
}

void Outbox::take_next() {
    if (!replies_.empty()) {
        current_ = std::move(replies_.front());
        replies_.pop_front();
        queued_reply_bytes_ -= current_->size();
    } else {
        current_ = std::move(states_.front().text);
        states_.pop_front();
    }
    queued_bytes_ -= current_->size();
    current_sent_ = 0;
}

Outbox::Chunk Outbox::next(std::size_t max_bytes, std::int64_t now_ms) {
    if (!current_) {
        if (!ready(now_ms))
            return {};
        take_next();
    }
    const std::size_t size = std::min(max_bytes, current_->size() - current_sent_);
    Chunk chunk{std::string_view(*current_).substr(current_sent_, size), current_sent_ == 0, false};
    current_sent_ += size;
    if (current_sent_ == current_->size()) {
        chunk.last = true;
        finished_ = std::exchange(current_, nullptr);
    }
    return chunk;
}

} // namespace gamelan::gateway
