// Little-endian readers and writers for stored formats. A reader never reads past its end: it throws
// Error(corrupt_data) that names what it was reading.
#pragma once

#include "core/base/error.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace gamelan {

static_assert(std::endian::native == std::endian::little, "stored formats are written by memcpy");

class ByteWriter {
  public:
    template <class T>
    requires std::is_trivially_copyable_v<T>
    void put(T value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }

    void put_varint(std::uint64_t value) {
        while (value >= 0x80) {
            bytes_.push_back(static_cast<char>(value | 0x80));
            value >>= 7;
        }
        bytes_.push_back(static_cast<char>(value));
    }

    void put_signed_varint(std::int64_t value) {
        put_varint((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value < 0 ? -1 : 0));
    }

    void put_bytes(std::string_view bytes) { bytes_.append(bytes); }

    void put_text(std::string_view text) {
        put_varint(text.size());
        put_bytes(text);
    }

    std::string take() { return std::move(bytes_); }
    void clear() { bytes_.clear(); }
    std::string_view view() const { return bytes_; }
    std::size_t size() const { return bytes_.size(); }

  private:
    std::string bytes_;
};

class ByteReader {
  public:
    // `subject` names the thing being read, for the error message.
    ByteReader(std::string_view bytes, std::string_view subject) : bytes_(bytes), subject_(subject) {}

    template <class T>
    requires std::is_trivially_copyable_v<T> T get() {
        T value;
        std::memcpy(&value, get_bytes(sizeof value).data(), sizeof value);
        return value;
    }

    std::uint64_t get_varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto byte = get<std::uint8_t>();
            value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if ((byte & 0x80) == 0) {
                if (shift == 63 && byte > 1)
                    break;
                return value;
            }
        }
        fail("a number does not fit in 64 bits");
    }

    std::int64_t get_signed_varint() {
        const std::uint64_t raw = get_varint();
        return static_cast<std::int64_t>(raw >> 1) ^ -static_cast<std::int64_t>(raw & 1);
    }

    std::string_view get_bytes(std::size_t count) {
        if (count > bytes_.size() - position_)
            fail("it ends too early");
        const std::string_view out = bytes_.substr(position_, count);
        position_ += count;
        return out;
    }

    std::string_view get_text(std::size_t limit_bytes) {
        const std::uint64_t size = get_varint();
        if (size > limit_bytes)
            fail("a text is longer than its limit");
        return get_bytes(size);
    }

    std::size_t remaining() const { return bytes_.size() - position_; }
    std::size_t position() const { return position_; }

    [[noreturn]] void fail(std::string_view reason) const {
        throw Error(sqlstate::corrupt_data, std::string(subject_) + " is damaged: " + std::string(reason),
                    "The fault is at byte " + std::to_string(position_) + " of " +
                        std::to_string(bytes_.size()) + ".");
    }

  private:
    std::string_view bytes_;
    std::string_view subject_;
    std::size_t position_ = 0;
};

} // namespace gamelan
