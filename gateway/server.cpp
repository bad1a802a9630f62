#include "gateway/server.hpp"

#include "gateway/log.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gamelan::gateway {
namespace {

constexpr const char* subprotocol = "gamelan.v1.json";
constexpr std::size_t chunk_bytes = 64 << 10;
constexpr int chunks_per_turn = 16;
constexpr std::int64_t drain_ms = 1'500;
constexpr std::size_t max_close_reason_bytes = 123; // RFC 6455, section 5.5
constexpr unsigned reserved_descriptors = 256;      // HTTP, listening, signals, database

void log_library(int level, const char* line) {
    std::string_view text(line);
    while (text.ends_with('\n'))
        text.remove_suffix(1);
    log(level == LLL_ERR ? LogLevel::error : LogLevel::warn, "libwebsockets", {{"message", text}});
}

// As far as the system allows; beyond it, libwebsockets stops accepting.
void allow_descriptors(rlim_t count) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= count)
        return;
    limit.rlim_cur = std::min(count, limit.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < count)
        log(LogLevel::warn, "the limit of open files is below what --max-connections needs",
            {{"limit", static_cast<std::int64_t>(limit.rlim_cur)},
             {"needed", static_cast<std::int64_t>(count)}});
}

std::string header(lws* wsi, lws_token_indexes token) {
    const int length = lws_hdr_total_length(wsi, token);
    if (length <= 0)
        return {};
    std::string text(static_cast<std::size_t>(length) + 1, '\0');
    const int copied = lws_hdr_copy(wsi, text.data(), length + 1, token);
    text.resize(copied > 0 ? static_cast<std::size_t>(copied) : 0);
    return text;
}

HttpRequest read_request(lws* wsi, std::string_view path) {
    HttpRequest request;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0)
        request.method = HttpMethod::get;
    else if (lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0)
        request.method = HttpMethod::head;
    request.path = path;
    request.host = header(wsi, WSI_TOKEN_HOST);
    request.if_none_match = header(wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH);
    return request;
}

bool add_header(lws* wsi, std::string_view name, std::string_view value, unsigned char** at,
                unsigned char* end) {
    return lws_add_http_header_by_name(wsi, reinterpret_cast<const unsigned char*>(name.data()),
                                       reinterpret_cast<const unsigned char*>(value.data()),
                                       static_cast<int>(value.size()), at, end) == 0;
}

// Writes status line and headers; false when they do not fit or the connection is gone.
bool write_headers(lws* wsi, const HttpResponse& response) {
    unsigned char buffer[LWS_PRE + 4096];
    unsigned char* start = buffer + LWS_PRE;
    unsigned char* at = start;
    unsigned char* end = buffer + sizeof buffer - 1;
    if (lws_add_http_header_status(wsi, response.status, &at, end) != 0)
        return false;
    for (const auto& [name, value] : response.headers)
        if (!add_header(wsi, name, value, &at, end))
            return false;
    if (response.status != 304 &&
        lws_add_http_header_content_length(wsi, response.body().size(), &at, end) != 0)
        return false;
    return lws_finalize_write_http_header(wsi, start, &at, end) == 0;
}

} // namespace

struct Server::HttpTransfer {
    HttpResponse response;
    std::size_t sent = 0;
};

// libwebsockets zeroes this and frees it without a destructor.
struct Server::Connection {
    Session* session;
    HttpTransfer* transfer;
};

Server::Server(const Config& config) : config_(config), scratch_(LWS_PRE + chunk_bytes, '\0') {
    lws_set_log_level(LLL_ERR | LLL_WARN, log_library);
    load_web_root();
    create_context();
    try {
        listen();
        gateway_ = std::make_unique<Gateway>(loop_, config_);
        stop_timer_ = std::make_unique<Timer>(loop_, [this] { stop_now_ = true; });
        watch_signals();
        gateway_->start();
    } catch (...) {
        signal_watch_.reset();
        stop_timer_.reset();
        gateway_.reset();
        lws_context_destroy(loop_.context);
        throw;
    }
}

// Sessions end while the context is destroyed, and they need the gateway: it goes last, its timers and links
// with it.
Server::~Server() {
    signal_watch_.reset();
    stop_timer_.reset();
    if (signal_descriptor_ >= 0)
        ::close(signal_descriptor_);
    gateway_.reset();
    lws_context_destroy(loop_.context);
}

void Server::load_web_root() {
    if (!config_.web_root.empty())
        web_root_.load(config_.web_root);
}

void Server::create_context() {
    lws_context_creation_info info{};
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DISABLE_IPV6;
    info.user = this;
    info.fd_limit_per_thread =
        static_cast<unsigned>(config_.max_connections + config_.max_worlds) + reserved_descriptors;
    info.pt_serv_buf_size = 16 << 10;
    // A database connection has two: libpq's and the duplicate that is watched.
    allow_descriptors(info.fd_limit_per_thread + static_cast<rlim_t>(config_.max_worlds));
    loop_.context = lws_create_context(&info);
    if (!loop_.context)
        throw std::runtime_error("libwebsockets cannot start");
}

void Server::listen() {
    static const lws_protocols protocols[] = {
        {subprotocol, &Server::callback, sizeof(Connection), 4096, 0, nullptr, 0},
        {watch_protocol, &watch_callback, 0, 0, 0, nullptr, 0},
        {nullptr, nullptr, 0, 0, 0, nullptr, 0},
    };
    const std::string host = config_.listen_host();
    lws_context_creation_info info{};
    info.port = config_.listen_port();
    info.iface = host.c_str();
    info.protocols = protocols;
    info.options = LWS_SERVER_OPTION_DISABLE_IPV6;
    info.keepalive_timeout = 15;
    info.timeout_secs = 10;
    loop_.vhost = lws_create_vhost(loop_.context, &info);
    const int port = loop_.vhost ? lws_get_vhost_listen_port(loop_.vhost) : 0;
    if (port <= 0)
        throw std::runtime_error("cannot listen on " + config_.listen + "; is the port in use?");
    write_port_file(port);
    log(LogLevel::info, "listening", {{"address", host}, {"port", port}, {"version", server_name()}});
}

// Written whole or not at all: whoever waits for the file must not read half a number.
void Server::write_port_file(int port) const {
    if (config_.port_file.empty())
        return;
    const std::string unfinished = config_.port_file + ".new";
    std::ofstream(unfinished) << port << '\n';
    if (std::rename(unfinished.c_str(), config_.port_file.c_str()) != 0)
        throw std::runtime_error("cannot write the port file '" + config_.port_file + "'");
}

void Server::watch_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        sigaddset(&signals, signal);
    signal_descriptor_ = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signal_descriptor_ < 0)
        throw std::runtime_error("cannot watch signals");
    signal_watch_ = std::make_unique<DescriptorWatch>(loop_, signal_descriptor_, *this);
}

void Server::on_readable() {
    signalfd_siginfo info;
    while (read(signal_descriptor_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        if (info.ssi_signo == SIGHUP) {
            try {
                load_web_root();
                log(LogLevel::info, "web root read anew");
            } catch (const std::runtime_error& error) {
                log(LogLevel::error, "web root kept as it was", {{"reason", error.what()}});
            }
        } else if (!stopping_) {
            log(LogLevel::info, "stopping",
                {{"sessions", static_cast<std::int64_t>(gateway_->session_count())}});
            stopping_ = true;
            gateway_->drain();
            stop_timer_->start(drain_ms);
        }
    }
}

void Server::run() {
    while (!stop_now_ && !(stopping_ && gateway_->session_count() == 0))
        if (lws_service(loop_.context, 0) < 0)
            throw std::runtime_error("the event loop failed");
    log(LogLevel::info, "stopped");
}

int Server::callback(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t length) {
    auto* server = static_cast<Server*>(lws_context_user(lws_get_context(wsi)));
    try {
        return server->handle(wsi, reason, static_cast<Connection*>(user), in, length);
    } catch (const std::exception& error) {
        // An exception must not pass through the library; it costs the connection that caused it.
        log(LogLevel::error, "a connection is dropped", {{"reason", error.what()}});
        return -1;
    }
}

int Server::handle(lws* wsi, lws_callback_reasons reason, Connection* connection, void* in,
                   std::size_t length) {
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return answer_request(wsi, *connection, static_cast<const char*>(in));
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return write_body(wsi, *connection);
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        if (connection) {
            delete connection->transfer;
            connection->transfer = nullptr;
        }
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return confirm_upgrade(wsi, static_cast<const char*>(in));
    case LWS_CALLBACK_ESTABLISHED:
        open_session(wsi, *connection);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return receive(wsi, *connection->session, {static_cast<const char*>(in), length});
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return connection->session->close_sent ? -1 : 0; // the answer to our close is not answered
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return write_session(wsi, *connection->session);
    case LWS_CALLBACK_CLOSED:
        if (connection->session) {
            if (gateway_)
                gateway_->closed(*connection->session);
            delete connection->session;
            connection->session = nullptr;
        }
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, connection, in, length);
    }
}

// Positive: refused with an HTTP answer. Other subprotocols are refused by libwebsockets itself.
int Server::confirm_upgrade(lws* wsi, std::string_view protocol) {
    if (protocol != "websocket" || header(wsi, WSI_TOKEN_GET_URI) != "/ws")
        return lws_return_http_status(wsi, HTTP_STATUS_NOT_FOUND, nullptr) == 0 ? 1 : -1;
    if (!gateway_->has_room())
        return lws_return_http_status(wsi, HTTP_STATUS_SERVICE_UNAVAILABLE, nullptr) == 0 ? 1 : -1;
    return 0;
}

void Server::open_session(lws* wsi, Connection& connection) {
    connection.session = new Session(++last_session_, wsi, config_.acts_per_second, now_ms());
    if (config_.socket_send_bytes > 0) {
        const int bytes = static_cast<int>(config_.socket_send_bytes);
        setsockopt(lws_get_socket_fd(wsi), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
    gateway_->opened(*connection.session);
}

int Server::receive(lws* wsi, Session& session, std::string_view part) {
    if (session.phase == Phase::closing)
        return 0;
    if (lws_is_first_fragment(wsi))
        session.partial.clear();
    if (session.partial.size() + part.size() > static_cast<std::size_t>(config_.max_message_bytes)) {
        session.partial.clear();
        gateway_->received_too_big(session);
        return 0;
    }
    session.partial += part;
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) > 0)
        return 0;
    if (lws_frame_is_binary(wsi))
        gateway_->received_binary(session);
    else
        gateway_->received(session, session.partial);
    session.partial.clear();
    // A client that does not read its replies is not read from either, so its replies cannot pile up.
    if (session.outbox.queued_reply_bytes() > static_cast<std::size_t>(config_.max_queued_bytes) &&
        session.reading) {
        session.reading = false;
        lws_rx_flow_control(wsi, 0);
    }
    return 0;
}

int Server::write_session(lws* wsi, Session& session) {
    for (int i = 0; i < chunks_per_turn && session.outbox.ready(now_ms()); ++i) {
        const Outbox::Chunk chunk = session.outbox.next(chunk_bytes, now_ms());
        std::memcpy(scratch_.data() + LWS_PRE, chunk.bytes.data(), chunk.bytes.size());
        const int flags = lws_write_ws_flags(LWS_WRITE_TEXT, chunk.first, chunk.last);
        auto* payload = reinterpret_cast<unsigned char*>(scratch_.data() + LWS_PRE);
        if (lws_write(wsi, payload, chunk.bytes.size(), static_cast<lws_write_protocol>(flags)) < 0)
            return -1;
        gateway_->sent(session);
        if (lws_send_pipe_choked(wsi))
            break;
    }
    if (!session.reading && session.outbox.queued_reply_bytes() == 0) {
        session.reading = true;
        lws_rx_flow_control(wsi, 1);
    }
    if (session.outbox.ready(now_ms())) {
        session.want_write();
        return 0;
    }
    return session.phase == Phase::closing && !session.close_sent ? write_close(wsi, session) : 0;
}

// The connection stays until the client's own close (or the timeout of Gateway::close): ending it while the
// client still sends would reset it, and the client would lose the error and the close code.
int Server::write_close(lws* wsi, Session& session) {
    session.close_sent = true;
    const std::string_view reason = std::string_view(session.close_reason).substr(0, max_close_reason_bytes);
    // A whole unmasked frame (RFC 6455, section 5.5.1): libwebsockets itself sends a close only when it ends
    // the connection.
    char* frame = scratch_.data() + LWS_PRE;
    frame[0] = static_cast<char>(0x88);
    frame[1] = static_cast<char>(reason.size() + 2);
    frame[2] = static_cast<char>(session.close_code >> 8);
    frame[3] = static_cast<char>(session.close_code & 0xFF);
    std::copy(reason.begin(), reason.end(), frame + 4);
    return lws_write(wsi, reinterpret_cast<unsigned char*>(frame), reason.size() + 4, LWS_WRITE_RAW) < 0 ? -1
                                                                                                         : 0;
}

int Server::answer_request(lws* wsi, Connection& connection, std::string_view path) {
    HttpResponse response = answer_http(read_request(wsi, path), web_root_, gateway_->readiness());
    if (!write_headers(wsi, response) || response.close)
        return -1;
    if (!response.body_wanted || response.body().empty())
        return lws_http_transaction_completed(wsi) ? -1 : 0;
    delete connection.transfer;
    connection.transfer = new HttpTransfer{std::move(response), 0};
    lws_callback_on_writable(wsi);
    return 0;
}

int Server::write_body(lws* wsi, Connection& connection) {
    HttpTransfer* transfer = connection.transfer;
    if (!transfer)
        return 0;
    const std::string_view rest = transfer->response.body().substr(transfer->sent);
    const std::size_t size = std::min(rest.size(), chunk_bytes);
    const bool last = size == rest.size();
    std::memcpy(scratch_.data() + LWS_PRE, rest.data(), size);
    auto* payload = reinterpret_cast<unsigned char*>(scratch_.data() + LWS_PRE);
    if (lws_write(wsi, payload, size, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0)
        return -1;
    transfer->sent += size;
    if (!last) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    delete transfer;
    connection.transfer = nullptr;
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

} // namespace gamelan::gateway
