#include "gateway/server_messages.hpp"

#include "core/codec/state_json.hpp"

#include <nlohmann/json.hpp>

#include <chrono>

namespace gamelan::gateway {
namespace {

// Builds one flat JSON object; `raw` values are JSON already.
class ObjectText {
  public:
    explicit ObjectText(std::string_view type) { text("type", type); }
    ObjectText() = default;

    ObjectText& raw(std::string_view key, std::string_view value) {
        out_ += out_.size() > 1 ? "," : "";
        codec::append_json_string(out_, key);
        out_ += ':';
        out_ += value;
        return *this;
    }
    ObjectText& number(std::string_view key, std::int64_t value) { return raw(key, std::to_string(value)); }
    ObjectText& text(std::string_view key, std::string_view value) {
        std::string quoted;
        codec::append_json_string(quoted, value);
        return raw(key, quoted);
    }
    std::string finish() { return std::move(out_ += '}'); }
    SharedText share() { return std::make_shared<const std::string>(finish()); }

  private:
    std::string out_ = "{";
};

std::int64_t wall_clock_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

} // namespace

std::string server_name() {
    return "gamelan-gateway/" GAMELAN_GATEWAY_VERSION;
}

SharedText hello_text(std::string_view session, std::string_view token, const WorldInfo& world,
                      Progress progress, const GameDescription& description, const Config& config) {
    ObjectText world_object;
    world_object.number("id", world.id)
        .text("name", world.name)
        .text("game", world.game)
        .text("state", world.state)
        .number("tick", static_cast<std::int64_t>(progress.tick))
        .number("durable_tick", static_cast<std::int64_t>(progress.durable_tick))
        .raw("tick_rate", world.tick_rate_json)
        .raw("config", world.config_json);
    ObjectText limits;
    limits.number("max_message_bytes", config.max_message_bytes)
        .number("acts_per_second", config.acts_per_second)
        .number("max_pending_acts", config.max_pending_acts);
    return ObjectText("hello")
        .number("protocol", protocol_version)
        .text("server", server_name())
        .text("session", session)
        .text("token", token)
        .raw("world", world_object.finish())
        .raw("columns", description.columns_json)
        .raw("actions", description.actions_json)
        .raw("limits", limits.finish())
        .number("server_time_ms", wall_clock_ms())
        .share();
}

SharedText durable_text(std::uint64_t tick) {
    return ObjectText("durable").number("tick", static_cast<std::int64_t>(tick)).share();
}

SharedText ack_text(std::int64_t seq, std::int64_t tick, std::string_view result_json) {
    return ObjectText("ack").number("seq", seq).number("tick", tick).raw("result", result_json).share();
}

SharedText error_text(std::optional<std::int64_t> seq, const ErrorText& error) {
    ObjectText object("error");
    if (seq)
        object.number("seq", *seq);
    object.text("code", error.code).text("message", error.message);
    if (!error.detail.empty())
        object.text("detail", error.detail);
    if (!error.hint.empty())
        object.text("hint", error.hint);
    return object.share();
}

SharedText pong_text(std::string_view nonce_json, std::string_view time_json, std::uint64_t tick) {
    ObjectText object("pong");
    if (!nonce_json.empty())
        object.raw("nonce", nonce_json);
    if (!time_json.empty())
        object.raw("time", time_json);
    return object.number("tick", static_cast<std::int64_t>(tick))
        .number("server_time_ms", wall_clock_ms())
        .share();
}

SharedText status_text(bool database_ok, std::string_view message) {
    return ObjectText("status")
        .text("database", database_ok ? "ok" : "lost")
        .text("message", message)
        .share();
}

std::optional<GameDescription> read_description(std::string_view json) {
    const auto object = nlohmann::json::parse(json.begin(), json.end(), nullptr, false);
    if (!object.is_object())
        return std::nullopt;
    const auto columns = object.find("columns");
    const auto actions = object.find("actions");
    if (columns == object.end() || !columns->is_array() || actions == object.end() || !actions->is_array())
        return std::nullopt;
    return GameDescription{columns->dump(), actions->dump()};
}

} // namespace gamelan::gateway
