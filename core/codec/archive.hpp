// The file that a partition of the log or the events is archived to: a header in JSON that says what it is,
// its rows in compressed frames, and an end that counts them. docs/formats.md, "Archive". Reading and writing
// the file is the caller's.
#pragma once

#include "core/base/error.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gamelan::codec {

inline constexpr std::uint32_t archive_format_version = 1;

// One for each column: nothing is NULL.
using ArchiveRow = std::vector<std::optional<std::string>>;

class ArchiveWriter {
  public:
    // Takes bytes of the file, in order.
    using Sink = std::function<void(std::string_view)>;
    ArchiveWriter(std::string_view header, Sink sink);

    void add(const std::vector<std::optional<std::string_view>>& row);
    // After the last row. The number of rows.
    std::uint64_t end();

  private:
    void write_frame();

    Sink sink_;
    std::string raw_;
    std::uint32_t rows_in_frame_ = 0;
    std::uint64_t rows_ = 0;
    std::uint64_t chain_; // of checksums
};

// All errors are Error(corrupt_data) that names the damaged part.
class ArchiveReader {
  public:
    // Returns up to so many bytes, fewer at the end of the file.
    using Source = std::function<std::string(std::size_t)>;
    explicit ArchiveReader(Source source);

    const std::string& header() const { return header_; }
    // The rows of the next frame; empty at the end, which has been checked then. `columns`: of each row.
    std::vector<ArchiveRow> next(std::size_t columns);
    std::uint64_t rows() const { return rows_; }

  private:
    std::string take(std::size_t bytes, const std::string& part);
    void check_end(const std::string& stored);

    Source source_;
    std::string header_;
    std::uint64_t frame_ = 0;
    std::uint64_t rows_ = 0;
    std::uint64_t chain_ = 0;
    bool is_at_end_ = false;
};

} // namespace gamelan::codec
