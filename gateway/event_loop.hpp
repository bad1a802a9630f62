// Timers and foreign file descriptors in the libwebsockets loop. Everything runs on the loop's one thread;
// all objects must be destroyed before the context is.
#pragma once

#include <libwebsockets.h>

#include <cstdint>
#include <functional>

namespace gamelan::gateway {

struct EventLoop {
    lws_context* context = nullptr;
    lws_vhost* vhost = nullptr;
};

// Milliseconds of a monotonic clock.
std::int64_t now_ms();

// Calls `action` once, some milliseconds after start(); a second start() moves it.
class Timer {
  public:
    Timer(EventLoop loop, std::function<void()> action);
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    void start(std::int64_t delay_ms);
    void stop();

  private:
    struct Entry {
        lws_sorted_usec_list_t sul{}; // first, so that the list's pointer is the entry's
        Timer* timer = nullptr;
    };
    static void fire(lws_sorted_usec_list_t* sul);

    lws_context* context_;
    std::function<void()> action_;
    Entry entry_;
};

class DescriptorHandler {
  public:
    virtual ~DescriptorHandler() = default;
    virtual void on_readable() = 0;
    virtual void on_writable() = 0;
    virtual void on_unwatched() = 0; // the loop gave the descriptor up by itself
};

// Name of the protocol that watched descriptors are bound to; its callback is `watch_callback`.
inline constexpr const char* watch_protocol = "gamelan-watch";
int watch_callback(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t length);

// Tells `handler` when `descriptor` can be read, and, after want_write(), once when it can be written.
// Watches a duplicate, because both libpq and libwebsockets close what they own. Throws std::runtime_error
// when it cannot.
class DescriptorWatch {
  public:
    DescriptorWatch(EventLoop loop, int descriptor, DescriptorHandler& handler);
    ~DescriptorWatch();
    DescriptorWatch(const DescriptorWatch&) = delete;
    DescriptorWatch& operator=(const DescriptorWatch&) = delete;

    void want_write();

  private:
    friend int watch_callback(lws*, lws_callback_reasons, void*, void*, std::size_t);

    lws* wsi_ = nullptr;
    DescriptorHandler& handler_;
};

} // namespace gamelan::gateway
