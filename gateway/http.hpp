// What an HTTP request is answered with (docs/protocol.md, section 4). No I/O.
#pragma once

#include "gateway/web_root.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gamelan::gateway {

enum class HttpMethod { get, head, other };

struct HttpRequest {
    HttpMethod method = HttpMethod::other;
    std::string path; // decoded, without the query
    std::string host;
    std::string if_none_match;
};

struct Readiness {
    bool ready = false;
    std::string reason;
};

struct HttpResponse {
    unsigned status = 200;
    std::vector<std::pair<std::string_view, std::string>>
        headers;                         // names end in ':', as libwebsockets wants them
    std::shared_ptr<const WebFile> file; // the body, or null
    std::string text;                    // the body when there is no file
    bool body_wanted = true;
    bool close = false; // the connection ends: a body that nobody will read may be on its way

    std::string_view body() const { return file ? std::string_view(file->body) : std::string_view(text); }
};

HttpResponse answer_http(const HttpRequest& request, const WebRoot& web_root, const Readiness& readiness);

} // namespace gamelan::gateway
