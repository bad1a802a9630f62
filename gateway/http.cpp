#include "gateway/http.hpp"

#include "core/codec/state_json.hpp"

#include <algorithm>

namespace gamelan::gateway {
namespace {

bool is_plain_host(std::string_view host) {
    const auto plain = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
               c == ':' || c == '-' || c == '[' || c == ']';
    };
    return !host.empty() && host.size() < 256 && std::all_of(host.begin(), host.end(), plain);
}

// 'self' does not cover WebSockets in every browser, so the page's own host is named.
std::string content_security_policy(std::string_view host) {
    std::string connect = "connect-src 'self'";
    if (is_plain_host(host))
        connect += " ws://" + std::string(host) + " wss://" + std::string(host);
    return "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
           "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; " +
           connect + "; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

void add_security_headers(HttpResponse& response, std::string_view host) {
    response.headers.emplace_back("x-content-type-options:", "nosniff");
    response.headers.emplace_back("referrer-policy:", "no-referrer");
    response.headers.emplace_back("x-frame-options:", "DENY");
    response.headers.emplace_back("cross-origin-opener-policy:", "same-origin");
    response.headers.emplace_back("content-security-policy:", content_security_policy(host));
}

HttpResponse plain_answer(unsigned status, std::string text, std::string_view type) {
    HttpResponse response;
    response.status = status;
    response.text = std::move(text);
    response.headers.emplace_back("content-type:", type);
    response.headers.emplace_back("cache-control:", "no-store");
    return response;
}

HttpResponse ready_answer(const Readiness& readiness) {
    if (readiness.ready)
        return plain_answer(200, "{\"status\":\"ok\"}\n", "application/json");
    std::string text = "{\"status\":\"not ready\",\"reason\":";
    codec::append_json_string(text, readiness.reason);
    return plain_answer(503, text + "}\n", "application/json");
}

HttpResponse file_answer(std::shared_ptr<const WebFile> file, std::string_view if_none_match) {
    HttpResponse response;
    response.headers.emplace_back("content-type:", file->content_type);
    response.headers.emplace_back("etag:", file->etag);
    response.headers.emplace_back("cache-control:",
                                  file->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (if_none_match.find(file->etag) != std::string_view::npos) {
        response.status = 304;
        response.body_wanted = false;
    } else {
        response.file = std::move(file);
    }
    return response;
}

HttpResponse route(const HttpRequest& request, const WebRoot& web_root, const Readiness& readiness) {
    if (request.method == HttpMethod::other) {
        HttpResponse response = plain_answer(405, "", "text/plain; charset=utf-8");
        response.headers.emplace_back("allow:", "GET, HEAD");
        response.headers.emplace_back("connection:", "close");
        response.close = true;
        return response;
    }
    if (request.path == "/healthz")
        return plain_answer(200, "{\"status\":\"ok\"}\n", "application/json");
    if (request.path == "/readyz")
        return ready_answer(readiness);
    if (request.path == "/ws") {
        HttpResponse response = plain_answer(426, "this is a WebSocket\n", "text/plain; charset=utf-8");
        response.headers.emplace_back("upgrade:", "websocket");
        return response;
    }
    if (auto file = web_root.find(request.path))
        return file_answer(std::move(file), request.if_none_match);
    return plain_answer(404, "not found\n", "text/plain; charset=utf-8");
}

} // namespace

HttpResponse answer_http(const HttpRequest& request, const WebRoot& web_root, const Readiness& readiness) {
    HttpResponse response = route(request, web_root, readiness);
    if (request.method == HttpMethod::head)
        response.body_wanted = false;
    add_security_headers(response, request.host);
    return response;
}

} // namespace gamelan::gateway
