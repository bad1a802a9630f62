#include "gateway/event_loop.hpp"

#include <chrono>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

namespace gamelan::gateway {

std::int64_t now_ms() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

Timer::Timer(EventLoop loop, std::function<void()> action)
    : context_(loop.context), action_(std::move(action)) {
    entry_.timer = this;
}

Timer::~Timer() {
    stop();
}

void Timer::start(std::int64_t delay_ms) {
    lws_sul_schedule(context_, 0, &entry_.sul, &Timer::fire, delay_ms * LWS_US_PER_MS);
}

void Timer::stop() {
    lws_sul_cancel(&entry_.sul);
}

void Timer::fire(lws_sorted_usec_list_t* sul) {
    reinterpret_cast<Entry*>(sul)->timer->action_();
}

DescriptorWatch::DescriptorWatch(EventLoop loop, int descriptor, DescriptorHandler& handler)
    : handler_(handler) {
    lws_sock_file_fd_type duplicate{};
    duplicate.filefd = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    if (duplicate.filefd < 0)
        throw std::runtime_error("out of file descriptors");
    wsi_ =
        lws_adopt_descriptor_vhost(loop.vhost, LWS_ADOPT_RAW_FILE_DESC, duplicate, watch_protocol, nullptr);
    if (!wsi_) {
        close(duplicate.filefd);
        throw std::runtime_error("the event loop cannot take another file descriptor");
    }
    lws_set_opaque_user_data(wsi_, this);
}

DescriptorWatch::~DescriptorWatch() {
    if (!wsi_)
        return;
    lws_set_opaque_user_data(wsi_, nullptr);
    lws_set_timeout(wsi_, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

void DescriptorWatch::want_write() {
    if (wsi_)
        lws_callback_on_writable(wsi_);
}

// The handler may destroy the watch while it runs, so nothing of it is used afterwards.
int watch_callback(lws* wsi, lws_callback_reasons reason, void*, void*, std::size_t) {
    auto* watch = static_cast<DescriptorWatch*>(lws_get_opaque_user_data(wsi));
    switch (reason) {
    case LWS_CALLBACK_RAW_RX_FILE:
        if (!watch)
            return -1;
        watch->handler_.on_readable();
        break;
    case LWS_CALLBACK_RAW_WRITEABLE_FILE:
        if (!watch)
            return -1;
        watch->handler_.on_writable();
        break;
    case LWS_CALLBACK_RAW_CLOSE_FILE:
        if (watch) {
            watch->wsi_ = nullptr;
            watch->handler_.on_unwatched();
        }
        break;
    default:
        break;
    }
    return 0;
}

} // namespace gamelan::gateway
