#include "extension/pg/checkpoint_cipher.hpp"

#include "core/base/bytes.hpp"

#include <algorithm>
#include <fstream>
#include <memory>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <sstream>
#include <vector>

#include "extension/pg/bridge.hpp"
#include "extension/pg/settings.hpp"

extern "C" {
#include "storage/fd.h"
}

namespace gamelan::pg::cipher {

namespace {

constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t max_source_bytes = 64 * 1024;
constexpr std::string_view id_prefix = "gamelan checkpoint key ";

[[noreturn]] void fail(const std::string& message, const std::string& detail = {}) {
    throw Error(sqlstate::checkpoint_key_missing, message, detail,
                "Set gamelan.checkpoint_key_file or gamelan.checkpoint_key_command, and "
                "gamelan.checkpoint_old_key_file for keys that were replaced; then reload.");
}

// --- where keys come from ---

std::string read_file(const char* path, const char* setting) {
    std::ifstream in(path, std::ios::binary);
    std::string out(max_source_bytes, '\0');
    in.read(out.data(), static_cast<std::streamsize>(out.size()));
    if (in.bad() || !in.is_open())
        fail(std::string("the file that ") + setting + " names cannot be read", path);
    out.resize(static_cast<std::size_t>(in.gcount()));
    return out;
}

// palloc'd; null when the command failed.
const char* output_of(const char* command) {
    FILE* pipe = OpenPipeStream(command, "r");
    if (pipe == nullptr)
        ereport(ERROR, (errcode_for_file_access(), errmsg("could not run the command of a key: %m")));
    StringInfoData out;
    initStringInfo(&out);
    char buffer[1024];
    while (out.len < static_cast<int>(max_source_bytes) && fgets(buffer, sizeof buffer, pipe) != nullptr)
        appendStringInfoString(&out, buffer);
    return ClosePipeStream(pipe) == 0 ? out.data : nullptr;
}

// Commands may be slow: what one printed is kept until the setting names another.
struct Printed {
    std::string command;
    std::string output;
};

std::string run_command(const char* command, const char* setting, Printed& kept) {
    if (kept.command == command)
        return kept.output;
    const char* output = pg_call([&] { return output_of(command); });
    if (output == nullptr)
        fail(std::string("the command of ") + setting + " failed");
    kept = {command, output};
    return kept.output;
}

int digit_of(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string id_of(const Key& key) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    std::string text(id_prefix);
    text.append(reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size());
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
    constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < 8; ++i) {
        out += digits[digest[i] >> 4];
        out += digits[digest[i] & 15];
    }
    return out;
}

// One key a line; empty lines do not count.
std::vector<Key> parse(const std::string& text, const char* setting) {
    std::vector<Key> out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        line.erase(std::remove_if(line.begin(), line.end(), [](unsigned char c) { return std::isspace(c); }),
                   line.end());
        if (line.empty())
            continue;
        Key key;
        bool is_good = line.size() == 2 * key.bytes.size();
        for (std::size_t i = 0; is_good && i < key.bytes.size(); ++i) {
            const int high = digit_of(line[2 * i]), low = digit_of(line[2 * i + 1]);
            is_good = high >= 0 && low >= 0;
            key.bytes[i] = static_cast<unsigned char>(high * 16 + low);
        }
        if (!is_good)
            fail(std::string("what ") + setting + " gives is no key",
                 "A key is 64 hexadecimal digits on a line.");
        key.id = id_of(key);
        out.push_back(std::move(key));
    }
    return out;
}

std::vector<Key> old_keys() {
    static auto& printed = *new Printed;
    std::vector<Key> out;
    if (settings::checkpoint_old_key_file[0] != '\0')
        out = parse(read_file(settings::checkpoint_old_key_file, "gamelan.checkpoint_old_key_file"),
                    "gamelan.checkpoint_old_key_file");
    if (settings::checkpoint_old_key_command[0] != '\0')
        for (Key& key : parse(run_command(settings::checkpoint_old_key_command,
                                          "gamelan.checkpoint_old_key_command", printed),
                              "gamelan.checkpoint_old_key_command"))
            out.push_back(std::move(key));
    return out;
}

// --- the cipher ---

struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

void require(bool is_good) {
    if (!is_good)
        throw Error(sqlstate::internal, "OpenSSL refused to encrypt or decrypt a checkpoint");
}

unsigned char* bytes_of(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string associated_data(const codec::CheckpointChunk& chunk, const Place& place) {
    ByteWriter out;
    out.put(std::uint32_t{codec::checkpoint_format_version});
    out.put(place.world);
    out.put(place.tick);
    out.put(place.ordinal);
    out.put(chunk.first_slot);
    out.put(chunk.slots);
    out.put(chunk.raw_bytes);
    out.put_text(chunk.column);
    return out.take();
}

Context begin(bool is_sealing, const Key& key, const unsigned char* nonce, std::string_view associated) {
    Context context(EVP_CIPHER_CTX_new());
    require(context != nullptr);
    const int direction = is_sealing ? 1 : 0;
    require(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.bytes.data(), nonce,
                              direction) == 1);
    int written = 0;
    require(EVP_CipherUpdate(context.get(), nullptr, &written, bytes_of(associated),
                             static_cast<int>(associated.size())) == 1);
    return context;
}

} // namespace

std::optional<Key> current_key() {
    static auto& printed = *new Printed;
    const bool has_file = settings::checkpoint_key_file[0] != '\0';
    if (!has_file && settings::checkpoint_key_command[0] == '\0')
        return std::nullopt;
    const char* setting = has_file ? "gamelan.checkpoint_key_file" : "gamelan.checkpoint_key_command";
    const std::vector<Key> keys =
        parse(has_file ? read_file(settings::checkpoint_key_file, setting)
                       : run_command(settings::checkpoint_key_command, setting, printed),
              setting);
    if (keys.size() != 1)
        fail(std::string(setting) + " gives " + std::to_string(keys.size()) + " keys, not one");
    return keys.front();
}

Key find_key(const std::string& id) {
    const std::optional<Key> current = current_key();
    if (current && current->id == id)
        return *current;
    for (const Key& key : old_keys())
        if (key.id == id)
            return key;
    fail("a checkpoint is encrypted with the key " + id + ", which is not among those that are set");
}

void seal(codec::CheckpointChunk& chunk, const Place& place, const Key& key) {
    std::string out(nonce_bytes + chunk.data.size() + tag_bytes, '\0');
    require(RAND_bytes(bytes_of(out), nonce_bytes) == 1);
    const Context context = begin(true, key, bytes_of(out), associated_data(chunk, place));
    int written = 0;
    require(EVP_CipherUpdate(context.get(), bytes_of(out) + nonce_bytes, &written,
                             bytes_of(std::string_view(chunk.data)),
                             static_cast<int>(chunk.data.size())) == 1);
    unsigned char* tag = bytes_of(out) + nonce_bytes + chunk.data.size();
    require(EVP_CipherFinal_ex(context.get(), tag, &written) == 1);
    require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, tag) == 1);
    chunk.data = std::move(out);
    codec::sign(chunk);
}

void open(codec::CheckpointChunk& chunk, const Place& place, const Key& key) {
    const auto refuse = [&] {
        throw Error(sqlstate::corrupt_data, "a checkpoint is damaged: the part of column " + chunk.column +
                                                " from slot " + std::to_string(chunk.first_slot) +
                                                " was not encrypted for its place with key " + key.id);
    };
    if (chunk.data.size() < nonce_bytes + tag_bytes)
        refuse();
    const std::size_t bytes = chunk.data.size() - nonce_bytes - tag_bytes;
    std::string out(bytes, '\0');
    const Context context =
        begin(false, key, bytes_of(std::string_view(chunk.data)), associated_data(chunk, place));
    int written = 0;
    require(EVP_CipherUpdate(context.get(), bytes_of(out), &written,
                             bytes_of(std::string_view(chunk.data)) + nonce_bytes,
                             static_cast<int>(bytes)) == 1);
    require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes,
                                bytes_of(chunk.data) + nonce_bytes + bytes) == 1);
    if (EVP_CipherFinal_ex(context.get(), bytes_of(out) + bytes, &written) != 1)
        refuse();
    chunk.data = std::move(out);
}

} // namespace gamelan::pg::cipher
