// 64-bit ids of cells and chunks (docs/protocol.md, "Cells").
#include "core/grid/cell_id.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace {

using namespace gamelan::grid;

TEST(CellId, RoundTripsForEveryCell) {
    for (const std::uint32_t n : {1U, 2U, 3U, 5U, 16U, 64U}) {
        const HexSphere sphere(n);
        for (std::uint32_t index = 0; index < sphere.cell_count(); ++index) {
            const CellAddress address{static_cast<std::uint8_t>(index),
                                      static_cast<std::int32_t>(index % 256) - 128, index};
            const DecodedId decoded = decode_cell_id(sphere, cell_id(sphere, address));
            ASSERT_EQ(decoded.fault, IdFault::none);
            ASSERT_EQ(decoded.address, address);
        }
    }
}

TEST(CellId, LaysOutItsBitsAsDocumented) {
    const HexSphere sphere(64);
    // strip 3, i = 10, J = 64 + 5: diamond 7, i − 1 = 9, j = 5; world 0xab, layer −2.
    const std::uint32_t index = sphere.index_of({3, 10, 69});
    EXPECT_EQ(cell_id(sphere, {0xab, -2, index}), 0x1ab7'e007'0009'0005ULL);
    EXPECT_EQ(encode_id(HexSphere(4), IdKind::chunk, {0, 0, HexSphere(4).south_pole()}),
              0x2008'000b'0000'0000ULL);
    EXPECT_EQ(cell_id(sphere, {1, 0, sphere.north_pole()}), 0x1018'000a'0000'0000ULL);
}

TEST(CellId, NamesTheFaultOfABadId) {
    const HexSphere sphere(64);
    const std::uint64_t good = cell_id(sphere, {1, 0, 0});
    const auto fault = [&](std::uint64_t id) { return decode_cell_id(sphere, id).fault; };
    EXPECT_EQ(fault(good), IdFault::none);
    EXPECT_EQ(fault(good | std::uint64_t{1} << 63), IdFault::sign_bit_set);
    EXPECT_EQ(fault(0), IdFault::wrong_kind);
    EXPECT_EQ(fault(encode_id(sphere, IdKind::chunk, {1, 0, 0})), IdFault::wrong_kind);
    EXPECT_EQ(fault(good | std::uint64_t{1} << 40), IdFault::reserved_bits_set);
    EXPECT_EQ(fault(good | std::uint64_t{12} << 32), IdFault::no_such_diamond);
    EXPECT_EQ(fault(good | 64), IdFault::outside_diamond);
    EXPECT_EQ(fault(good | 64 << 16), IdFault::outside_diamond);
    EXPECT_EQ(fault(cell_id(sphere, {1, 0, sphere.south_pole()}) | 1), IdFault::pole_with_coordinates);
}

TEST(CellId, DescribesEveryFaultDifferently) {
    std::vector<std::string_view> seen;
    for (int fault = 0; fault <= static_cast<int>(IdFault::pole_with_coordinates); ++fault) {
        const std::string_view text = describe(static_cast<IdFault>(fault));
        EXPECT_EQ(std::count(seen.begin(), seen.end(), text), 0) << text;
        seen.push_back(text);
    }
}

TEST(CellId, RefusesToEncodeWhatDoesNotFit) {
    const HexSphere sphere(4);
    EXPECT_THROW(cell_id(sphere, {0, 128, 0}), std::invalid_argument);
    EXPECT_THROW(cell_id(sphere, {0, -129, 0}), std::invalid_argument);
    EXPECT_THROW(cell_id(sphere, {0, 0, sphere.cell_count()}), std::invalid_argument);
}

RC_GTEST_PROP(CellId, EveryNumberIsRefusedOrIsTheIdOfItsAddress, (std::uint64_t raw, std::uint8_t shape)) {
    const HexSphere sphere(64);
    // Half of the numbers are bent towards valid ids, so that both branches are met.
    const std::uint64_t id = shape % 2 == 0 ? raw : (raw & 0x0fff'f00f'003f'003fULL) | std::uint64_t{1} << 60;
    const DecodedId decoded = decode_cell_id(sphere, id);
    RC_CLASSIFY(decoded.fault == IdFault::none, "valid");
    if (decoded.fault == IdFault::none) {
        RC_ASSERT(cell_id(sphere, decoded.address) == id);
    }
}

} // namespace
