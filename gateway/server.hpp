// The libwebsockets side of the gateway: listening, HTTP answers, WebSocket frames, signals.
#pragma once

#include "gateway/config.hpp"
#include "gateway/gateway.hpp"
#include "gateway/web_root.hpp"

#include <memory>
#include <string>

namespace gamelan::gateway {

class Server : public DescriptorHandler {
  public:
    // Throws std::runtime_error when it cannot listen, read the web root or write the port file.
    explicit Server(const Config& config);
    ~Server() override;
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Until SIGTERM or SIGINT has come and the clients are gone, at most two seconds later. SIGHUP reads the
    // web root anew. The caller has blocked these signals.
    void run();

  private:
    struct Connection; // what libwebsockets keeps for each connection
    struct HttpTransfer;

    static int callback(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t length);
    int handle(lws* wsi, lws_callback_reasons reason, Connection* connection, void* in, std::size_t length);

    void create_context();
    void listen();
    void write_port_file(int port) const;
    void watch_signals();
    void load_web_root();

    int confirm_upgrade(lws* wsi, std::string_view protocol);
    void open_session(lws* wsi, Connection& connection);
    int receive(lws* wsi, Session& session, std::string_view part);
    int write_session(lws* wsi, Session& session);
    int write_close(lws* wsi, Session& session);
    int answer_request(lws* wsi, Connection& connection, std::string_view path);
    int write_body(lws* wsi, Connection& connection);

    void on_readable() override; // a signal
    void on_writable() override {}
    void on_unwatched() override {}

    Config config_;
    EventLoop loop_;
    std::unique_ptr<Gateway> gateway_;
    WebRoot web_root_;
    int signal_descriptor_ = -1;
    std::unique_ptr<DescriptorWatch> signal_watch_;
    std::unique_ptr<Timer> stop_timer_;
    std::uint64_t last_session_ = 0;
    bool stopping_ = false;
    bool stop_now_ = false;
    std::string
        scratch_; // libwebsockets writes its frame header before the payload: shared texts are copied here
};

} // namespace gamelan::gateway
