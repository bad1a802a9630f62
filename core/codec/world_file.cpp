#include "core/codec/world_file.hpp"

#include "core/base/hash.hpp"

#include <limits>

namespace gamelan::codec {

namespace {

constexpr std::string_view subject = "a world file";
constexpr std::string_view magic = "GWF";
constexpr std::uint8_t version = 1;
constexpr std::size_t max_header_bytes = 16U << 20;
constexpr std::size_t max_definition_bytes = 64U << 20;
constexpr std::size_t checksum_bytes = sizeof(std::uint64_t);

// What is left of a file once its checksum is off.
std::string_view checked(std::string_view bytes) {
    ByteReader in(bytes, subject);
    if (bytes.size() < magic.size() + 1 + checksum_bytes || in.get_bytes(magic.size()) != magic)
        throw Error(sqlstate::corrupt_data, "this is no world file", {},
                    "game.export_world() makes world files; a dump is restored with pg_restore.");
    if (const auto found = in.get<std::uint8_t>(); found != version)
        throw Error(sqlstate::feature_not_supported,
                    "a world file has version " + std::to_string(found) + " of the format",
                    "This server reads version " + std::to_string(version) + ".",
                    "Import it into a server that has the version of gamelan that it was exported from, or a "
                    "newer one.");
    const std::string_view body = bytes.substr(0, bytes.size() - checksum_bytes);
    ByteReader end(bytes.substr(body.size()), subject);
    if (end.get<std::uint64_t>() != hash64(body))
        in.fail("its checksum is another");
    return body;
}

} // namespace

std::string encode_world_file(std::string_view header, const store::Snapshot& snapshot) {
    const StateOutline outline = outline_of(snapshot);
    ByteWriter out;
    out.put_bytes(magic);
    out.put(version);
    out.put_text(header);
    out.put_varint(outline.tick);
    out.put(outline.state_hash);
    out.put_text(outline.definition);
    out.put_varint(outline.spaces.size());
    for (const SpaceExtent& extent : outline.spaces) {
        out.put_text(extent.name);
        out.put_varint(extent.slots);
    }
    for_each_part(snapshot, std::nullopt, [&](CheckpointPart&& part) {
        const CheckpointChunk chunk = compress(part);
        out.put(std::uint8_t{1});
        out.put_text(chunk.column);
        out.put_varint(chunk.first_slot);
        out.put_varint(chunk.slots);
        out.put_varint(chunk.raw_bytes);
        out.put(chunk.checksum);
        out.put_text(chunk.data);
    });
    out.put(std::uint8_t{0});
    out.put(hash64(out.view()));
    return out.take();
}

WorldFileReader::WorldFileReader(std::string_view bytes) : in_(checked(bytes), subject) {
    (void)in_.get_bytes(magic.size() + 1);
    header_ = in_.get_text(max_header_bytes);
    outline_.tick = in_.get_varint();
    outline_.state_hash = in_.get<std::uint64_t>();
    outline_.definition = in_.get_text(max_definition_bytes);
    const std::uint64_t spaces = in_.get_varint();
    if (spaces > store::max_spaces)
        in_.fail("it has too many spaces");
    for (std::uint64_t i = 0; i < spaces; ++i) {
        std::string name(in_.get_text(store::max_name_bytes));
        const std::uint64_t slots = in_.get_varint();
        if (slots > store::max_slots)
            in_.fail("a space is too large");
        outline_.spaces.push_back({std::move(name), static_cast<std::uint32_t>(slots)});
    }
}

CheckpointChunk WorldFileReader::next_chunk() {
    const auto number = [this] {
        const std::uint64_t value = in_.get_varint();
        if (value > std::numeric_limits<std::uint32_t>::max())
            in_.fail("a number is out of range");
        return static_cast<std::uint32_t>(value);
    };
    CheckpointChunk out{};
    out.column = in_.get_text(store::max_name_bytes);
    out.first_slot = number();
    out.slots = number();
    out.raw_bytes = number();
    out.checksum = in_.get<std::uint64_t>();
    out.data = in_.get_text(in_.remaining());
    check(out);
    return out;
}

void WorldFileReader::restore(store::WorldStore& store) {
    store.begin_tick();
    restore_layout(store, outline_.definition);
    restore_spaces(store, outline_.spaces);
    while (in_.get<std::uint8_t>() != 0)
        restore_part(store, decompress(next_chunk()));
    if (in_.remaining() != 0)
        in_.fail("bytes are left over");
    if (store.seal(outline_.tick).state_hash_kept() != outline_.state_hash)
        in_.fail("the state hash differs");
    (void)store.publish();
}

} // namespace gamelan::codec
