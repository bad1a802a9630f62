// Writes the small JSON objects that actions return and events carry. Values are escaped; the caller keeps
// keys unique. Not a general serialiser: no nesting.
#pragma once

#include "core/base/no_postgres.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace gamelan {

class JsonObject {
  public:
    JsonObject& add(std::string_view key, std::int64_t value) { return raw(key, std::to_string(value)); }
    JsonObject& add(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
    JsonObject& add(std::string_view key, std::string_view value) { return raw(key, quoted(value)); }
    JsonObject& add(std::string_view key, const char* value) { return add(key, std::string_view(value)); }

    std::string text() const { return "{" + body_ + "}"; }

    static std::string quoted(std::string_view text) {
        static constexpr char hex[] = "0123456789abcdef";
        std::string out = "\"";
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (c == '"' || c == '\\') {
                out += '\\';
                out += c;
            } else if (byte < 0x20) {
                out += "\\u00";
                out += hex[byte >> 4];
                out += hex[byte & 15];
            } else {
                out += c;
            }
        }
        return out += '"';
    }

  private:
    JsonObject& raw(std::string_view key, std::string_view value) {
        if (!body_.empty())
            body_ += ", ";
        body_ += quoted(key);
        body_ += ": ";
        body_ += value;
        return *this;
    }

    std::string body_;
};

} // namespace gamelan
