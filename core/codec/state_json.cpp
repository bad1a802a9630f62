#include "core/codec/state_json.hpp"

#include <charconv>
#include <cmath>
#include <cstring>

namespace gamelan::codec {
namespace {

constexpr std::int64_t max_exact_integer = std::int64_t{1} << 53;

template <typename Number>
Number load(const std::byte* at) {
    Number value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

template <typename Number>
void append_number(std::string& out, Number value) {
    char text[32];
    const auto result = std::to_chars(text, text + sizeof text, value);
    out.append(text, result.ptr);
}

template <typename Float>
void append_float(std::string& out, Float value) {
    if (std::isfinite(value))
        append_number(out, value);
    else
        out += "null";
}

void append_wide_integer(std::string& out, std::int64_t value) {
    const bool exact = value <= max_exact_integer && value >= -max_exact_integer;
    if (!exact)
        out += '"';
    append_number(out, value);
    if (!exact)
        out += '"';
}

void append_text(std::string& out, const std::byte* at, std::uint32_t width) {
    const char* text = reinterpret_cast<const char*>(at);
    const void* end = std::memchr(text, 0, width);
    append_json_string(out,
                       {text, end ? static_cast<std::size_t>(static_cast<const char*>(end) - text) : width});
}

void append_value(std::string& out, ColumnType type, const std::byte* at) {
    switch (type) {
    case ColumnType::boolean:
        out += at[0] == std::byte{0} ? "false" : "true";
        break;
    case ColumnType::u8:
        append_number(out, static_cast<unsigned>(at[0]));
        break;
    case ColumnType::i16:
        append_number(out, load<std::int16_t>(at));
        break;
    case ColumnType::i32:
        append_number(out, load<std::int32_t>(at));
        break;
    case ColumnType::i64:
        append_wide_integer(out, load<std::int64_t>(at));
        break;
    case ColumnType::f32:
        append_float(out, load<float>(at));
        break;
    case ColumnType::f64:
        append_float(out, load<double>(at));
        break;
    case ColumnType::text32:
    case ColumnType::text64:
        append_text(out, at, width_of(type));
        break;
    default: // no state message has it (is_streamable)
        break;
    }
}

void append_values(std::string& out, const ColumnChange& column) {
    const std::uint32_t width = width_of(column.type);
    for (std::size_t at = 0; at < column.values.size(); at += width) {
        if (at > 0)
            out += ',';
        append_value(out, column.type, column.values.data() + at);
    }
}

void append_runs(std::string& out, const ColumnChange& column) {
    const std::uint32_t width = width_of(column.type);
    for (std::size_t i = 0; i < column.runs.size(); ++i) {
        if (i > 0)
            out += ',';
        append_number(out, column.runs[i]);
        out += ',';
        append_value(out, column.type, column.values.data() + i * width);
    }
}

void append_gaps(std::string& out, const ColumnChange& column) {
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < column.slots.size(); ++i) {
        if (i > 0)
            out += ',';
        append_number(out, column.slots[i] - next);
        next = column.slots[i] + 1;
    }
}

void append_column(std::string& out, const ColumnChange& column) {
    append_json_string(out, column.name);
    switch (column.encoding) {
    case ColumnEncoding::dense:
        out += ":{\"values\":[";
        append_values(out, column);
        break;
    case ColumnEncoding::run_lengths:
        out += ":{\"runs\":[";
        append_runs(out, column);
        break;
    case ColumnEncoding::sparse:
        out += ":{\"gaps\":[";
        append_gaps(out, column);
        out += "],\"values\":[";
        append_values(out, column);
        break;
    }
    out += "]}";
}

void append_escaped(std::string& out, char letter) {
    static constexpr char digits[] = "0123456789abcdef";
    const auto code = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
        out += '\\';
        out += letter;
    } else if (code < 0x20) {
        out += "\\u00";
        out += digits[code >> 4];
        out += digits[code & 15];
    } else {
        out += letter;
    }
}

} // namespace

void append_json_string(std::string& out, std::string_view text) {
    static constexpr std::string_view replacement = "\xEF\xBF\xBD";
    out += '"';
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_sequence_bytes(text, at);
        if (length == 1)
            append_escaped(out, text[at]);
        else
            out += length == 0 ? replacement : text.substr(at, length);
        at += length == 0 ? 1 : length;
    }
    out += '"';
}

void append_json(std::string& out, const StateMessage& message) {
    const bool snapshot = message.kind == StateMessageKind::snapshot;
    out += snapshot ? "{\"type\":\"snapshot\",\"tick\":" : "{\"type\":\"delta\",\"tick\":";
    append_number(out, message.tick);
    if (!snapshot) {
        out += ",\"base\":";
        append_number(out, message.base_tick);
    }
    out += ",\"columns\":{";
    for (std::size_t i = 0; i < message.columns.size(); ++i) {
        if (i > 0)
            out += ',';
        append_column(out, message.columns[i]);
    }
    out += "}}";
}

} // namespace gamelan::codec
