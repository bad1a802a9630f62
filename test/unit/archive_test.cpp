// Archives: what was written is read, and every damage is found, also a frame that is gone or in another's
// place.
#include "core/base/error.hpp"
#include "core/codec/archive.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gamelan::codec {
namespace {

std::string write(const std::string& header, const std::vector<ArchiveRow>& rows) {
    std::string out;
    ArchiveWriter writer(header, [&](std::string_view bytes) { out += bytes; });
    for (const ArchiveRow& row : rows) {
        std::vector<std::optional<std::string_view>> values(row.begin(), row.end());
        writer.add(values);
    }
    EXPECT_EQ(writer.end(), rows.size());
    return out;
}

ArchiveReader::Source source_of(std::string bytes) {
    return [bytes = std::move(bytes), at = std::size_t{0}](std::size_t count) mutable {
        std::string out = bytes.substr(at, count);
        at += out.size();
        return out;
    };
}

std::vector<ArchiveRow> read(const std::string& bytes, std::size_t columns, std::string* header = nullptr) {
    ArchiveReader reader(source_of(bytes));
    if (header != nullptr)
        *header = reader.header();
    std::vector<ArchiveRow> out;
    for (std::vector<ArchiveRow> rows = reader.next(columns); !rows.empty(); rows = reader.next(columns))
        out.insert(out.end(), rows.begin(), rows.end());
    return out;
}

std::string complaint_about(const std::string& bytes) {
    try {
        (void)read(bytes, 2);
        return "none";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), sqlstate::corrupt_data);
        return error.message();
    }
}

// Of three frames.
std::vector<ArchiveRow> large_rows() {
    return {{"1", std::string(1 << 20, 'a')}, {"2", std::string(1 << 20, 'b')}, {"3", std::nullopt}};
}

RC_GTEST_PROP(Archive, HoldsRows, (std::vector<std::vector<std::string>> texts)) {
    std::vector<ArchiveRow> rows;
    for (const std::vector<std::string>& text : texts)
        rows.push_back({text.empty() ? std::nullopt : std::optional(text.front()),
                        text.size() < 2 ? std::optional(std::string()) : std::optional(text.back())});
    std::string header;
    RC_ASSERT(read(write("{}", rows), 2, &header) == rows);
    RC_ASSERT(header == "{}");
}

TEST(Archive, HoldsFramesOfAnySize) {
    EXPECT_EQ(read(write("{\"a\": 1}", large_rows()), 2), large_rows());
    EXPECT_TRUE(read(write("", {}), 2).empty());
}

RC_GTEST_PROP(Archive, FindsEveryFlippedBit, ()) {
    const std::string whole = write("{\"table\": \"event\"}", large_rows());
    const auto bit = *rc::gen::inRange<std::size_t>(0, whole.size() * 8);
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    RC_ASSERT(complaint_about(damaged) != "none");
}

RC_GTEST_PROP(Archive, FindsALostEnd, ()) {
    const std::string whole = write("{}", large_rows());
    const auto kept = *rc::gen::inRange<std::size_t>(0, whole.size());
    RC_ASSERT(complaint_about(whole.substr(0, kept)) != "none");
}

TEST(Archive, NamesWhatIsDamaged) {
    const std::string whole = write("{}", large_rows());
    EXPECT_EQ(complaint_about("GAMELARK" + whole.substr(8)), "the file is no archive");
    std::string other = whole;
    other[8] = 2;
    EXPECT_EQ(complaint_about(other), "the archive is of version 2, which is not known");
    EXPECT_EQ(complaint_about(whole + "x"), "the archive is damaged: the end is not the end of the file");
    other = whole;
    other[60] = static_cast<char>(other[60] ^ 1);
    EXPECT_EQ(complaint_about(other), "the archive is damaged: frame 1 does not have its checksum");
}

// Each frame's checksum stands on that of the one before it.
TEST(Archive, FramesCannotBeLeftOut) {
    const std::string head = write("{}", {});
    const std::string start = head.substr(0, head.size() - 28); // without its end: 20 bytes and the count
    const std::string first = write("{}", {large_rows()[0]});
    const std::size_t frame = first.size() - head.size();
    const std::string whole = write("{}", large_rows());
    EXPECT_EQ(whole.substr(0, start.size()), start);
    EXPECT_EQ(complaint_about(start + whole.substr(start.size() + frame)),
              "the archive is damaged: frame 1 does not have its checksum");
}

} // namespace
} // namespace gamelan::codec
