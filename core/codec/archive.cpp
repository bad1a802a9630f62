#include "core/codec/archive.hpp"

#include "core/base/bytes.hpp"
#include "core/base/hash.hpp"

#include <zstd.h>

namespace gamelan::codec {

namespace {

constexpr std::string_view magic = "GAMELARC";
constexpr std::size_t max_header_bytes = 16 << 20;
constexpr std::size_t frame_bytes = 1 << 20;       // a frame ends with the row that reaches it
constexpr std::size_t max_frame_bytes = 1UL << 30; // of one row, as large as PostgreSQL lets it be
constexpr int compression_level = 3;
constexpr std::size_t frame_head_bytes = 3 * sizeof(std::uint32_t) + sizeof(std::uint64_t);

struct FrameHead {
    std::uint32_t rows;
    std::uint32_t raw_bytes;
    std::uint32_t stored_bytes;
};

// Follows on the frame before, so that none can be left out or exchanged.
std::uint64_t checksum_of(const FrameHead& head, std::string_view stored, std::uint64_t chain) {
    ByteWriter out;
    out.put(chain);
    out.put(head.rows);
    out.put(head.raw_bytes);
    out.put(head.stored_bytes);
    return hash64(stored, hash64(out.view()));
}

[[noreturn]] void damaged(const std::string& part, const std::string& reason) {
    throw Error(sqlstate::corrupt_data, "the archive is damaged: " + part + " " + reason);
}

std::string compress(std::string_view raw) {
    std::string out(ZSTD_compressBound(raw.size()), '\0');
    const std::size_t size = ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), compression_level);
    if (ZSTD_isError(size) != 0)
        throw Error(sqlstate::internal, std::string("compression failed: ") + ZSTD_getErrorName(size));
    out.resize(size);
    return out;
}

void put_frame(const ArchiveWriter::Sink& sink, const FrameHead& head, std::string_view stored,
               std::uint64_t& chain) {
    ByteWriter out;
    out.put(head.rows);
    out.put(head.raw_bytes);
    out.put(head.stored_bytes);
    chain = checksum_of(head, stored, chain);
    out.put(chain);
    sink(out.view());
    sink(stored);
}

std::vector<ArchiveRow> unpack(std::string_view raw, std::uint32_t rows, std::size_t columns,
                               const std::string& part) {
    ByteReader in(raw, part);
    std::vector<ArchiveRow> out(rows);
    for (ArchiveRow& row : out) {
        row.resize(columns);
        for (std::optional<std::string>& value : row)
            if (const std::uint64_t size = in.get_varint(); size != 0)
                value = std::string(in.get_bytes(size - 1));
    }
    if (in.remaining() != 0)
        damaged(part, "has more values than rows");
    return out;
}

} // namespace

ArchiveWriter::ArchiveWriter(std::string_view header, Sink sink) : sink_(std::move(sink)) {
    ByteWriter out;
    out.put_bytes(magic);
    out.put(archive_format_version);
    out.put(static_cast<std::uint32_t>(header.size()));
    out.put_bytes(header);
    chain_ = hash64(out.view());
    out.put(chain_);
    sink_(out.view());
}

void ArchiveWriter::add(const std::vector<std::optional<std::string_view>>& row) {
    ByteWriter out;
    for (const std::optional<std::string_view>& value : row) {
        out.put_varint(value ? value->size() + 1 : 0);
        if (value)
            out.put_bytes(*value);
    }
    raw_ += out.view();
    ++rows_in_frame_;
    if (raw_.size() > max_frame_bytes)
        throw Error(sqlstate::feature_not_supported, "a row is too large for an archive");
    if (raw_.size() >= frame_bytes)
        write_frame();
}

void ArchiveWriter::write_frame() {
    if (rows_in_frame_ == 0)
        return;
    const std::string stored = compress(raw_);
    put_frame(
        sink_,
        {rows_in_frame_, static_cast<std::uint32_t>(raw_.size()), static_cast<std::uint32_t>(stored.size())},
        stored, chain_);
    rows_ += rows_in_frame_;
    rows_in_frame_ = 0;
    raw_.clear();
}

std::uint64_t ArchiveWriter::end() {
    write_frame();
    ByteWriter count;
    count.put(rows_);
    put_frame(sink_, {0, 0, static_cast<std::uint32_t>(count.size())}, count.view(), chain_);
    return rows_;
}

ArchiveReader::ArchiveReader(Source source) : source_(std::move(source)) {
    const std::string head = take(magic.size() + 2 * sizeof(std::uint32_t), "its beginning");
    ByteReader in(head, "the beginning of an archive");
    if (in.get_bytes(magic.size()) != magic)
        throw Error(sqlstate::corrupt_data, "the file is no archive");
    const auto version = in.get<std::uint32_t>();
    if (version != archive_format_version)
        throw Error(sqlstate::corrupt_data,
                    "the archive is of version " + std::to_string(version) + ", which is not known",
                    "This version reads archives of version " + std::to_string(archive_format_version) + ".");
    const auto size = in.get<std::uint32_t>();
    if (size > max_header_bytes)
        damaged("the header", "is too large");
    header_ = take(size, "the header");
    chain_ = hash64(head + header_);
    const std::string sum = take(sizeof chain_, "the header");
    if (ByteReader(sum, "the checksum of an archive").get<std::uint64_t>() != chain_)
        damaged("the header", "does not have its checksum");
}

std::string ArchiveReader::take(std::size_t bytes, const std::string& part) {
    std::string out = source_(bytes);
    if (out.size() != bytes)
        damaged(part, "ends too early");
    return out;
}

std::vector<ArchiveRow> ArchiveReader::next(std::size_t columns) {
    if (is_at_end_)
        return {};
    const std::string part = "frame " + std::to_string(++frame_);
    const std::string bytes = take(frame_head_bytes, part);
    ByteReader in(bytes, part);
    const auto rows = in.get<std::uint32_t>();
    const auto raw_bytes = in.get<std::uint32_t>();
    const auto stored_bytes = in.get<std::uint32_t>();
    const auto checksum = in.get<std::uint64_t>();
    if (raw_bytes > max_frame_bytes || stored_bytes > ZSTD_compressBound(max_frame_bytes))
        damaged(part, "is too large");
    const std::string stored = take(stored_bytes, part);
    if (checksum_of({rows, raw_bytes, stored_bytes}, stored, chain_) != checksum)
        damaged(part, "does not have its checksum");
    chain_ = checksum;
    if (rows == 0) {
        check_end(stored);
        return {};
    }
    std::string raw(raw_bytes, '\0');
    const std::size_t size = ZSTD_decompress(raw.data(), raw.size(), stored.data(), stored.size());
    if (ZSTD_isError(size) != 0 || size != raw_bytes)
        damaged(part, "cannot be unpacked");
    rows_ += rows;
    return unpack(raw, rows, columns, part);
}

void ArchiveReader::check_end(const std::string& stored) {
    is_at_end_ = true;
    if (ByteReader(stored, "the end of an archive").get<std::uint64_t>() != rows_)
        damaged("the end", "counts other rows");
    if (!source_(1).empty())
        damaged("the end", "is not the end of the file");
}

} // namespace gamelan::codec
