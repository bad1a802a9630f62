// What waits to be sent to one client. Replies (acks, errors, pongs, status, hello) overtake state messages,
// because an ack must not come after the state that shows its effect. State messages are shared between
// clients: the outbox holds pointers. No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

namespace gamelan::gateway {

using SharedText = std::shared_ptr<const std::string>;

class Outbox {
  public:
    struct Chunk {
        std::string_view bytes;
        bool first = false;
        bool last = false;
    };

    void push_reply(SharedText text);

    // The message is held back until acts up to ordinal `after_act` are answered or `hold_until_ms` has
    // passed.
    void push_state(SharedText text, std::uint64_t after_act, std::int64_t hold_until_ms);

    // Forgets the state messages of which nothing was sent yet.
    void drop_states();

    // Every act of this client up to this ordinal is answered.
    void set_answered(std::uint64_t ordinal) { answered_ = ordinal; }

    // True when next() has something to give.
    bool ready(std::int64_t now_ms) const;

    // The next at most `max_bytes` to send; needs ready(). Counts them as sent; the bytes stay valid until
    // the next call.
    Chunk next(std::size_t max_bytes, std::int64_t now_ms);

    bool empty() const { return !current_ && replies_.empty() && states_.empty(); }
    bool holds_states() const { return !states_.empty(); }

    // Bytes of all that waits, without the message that is being sent.
    std::size_t queued_bytes() const { return queued_bytes_; }
    std::size_t queued_reply_bytes() const { return queued_reply_bytes_; }

  private:
    struct HeldState {
        SharedText text;
        std::uint64_t after_act;
        std::int64_t hold_until_ms;
    };

    bool state_released(std::int64_t now_ms) const;
    void take_next();

    std::deque<SharedText> replies_;
    std::deque<HeldState> states_;
    SharedText current_;
    std::size_t current_sent_ = 0;
    std::size_t queued_bytes_ = 0;
    std::size_t queued_reply_bytes_ = 0;
    std::uint64_t answered_ = 0;
    SharedText finished_; // keeps the bytes of the last chunk alive until the next call
};

} // namespace gamelan::gateway
