// Any bytes as a client message: what comes back must be safe to hand on.
#include "core/codec/state_message.hpp"
// The source itself: the fuzzers are built without the gateway, and this way the parser is instrumented.
#include "gateway/client_message.cpp"

#include <cstdlib>

namespace {

using namespace gamelan::gateway;

void require(bool condition) {
    if (!condition)
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ClientMessage message = parse_client_message({reinterpret_cast<const char*>(data), size});
    if (const auto* act = std::get_if<ActMessage>(&message)) {
        require(act->seq > 0 && act->seq <= std::int64_t{1} << 53);
        require(act->args_json.front() == '{' && act->args_json.back() == '}');
        require(gamelan::codec::is_utf8(act->args_json) && gamelan::codec::is_utf8(act->action));
        require(act->action.find('\0') == std::string::npos &&
                act->args_json.find("\\u0000") == std::string::npos);
    } else if (const auto* unknown = std::get_if<UnknownMessage>(&message)) {
        require(unknown->type.size() <= 64);
    }
    return 0;
}
