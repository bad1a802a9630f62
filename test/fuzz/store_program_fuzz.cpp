// Any bytes as the life of a world: rows, values of the heap, savepoints, layouts, crashes, memory that runs
// out; beside a plain model that must agree (test/unit/store_program.hpp). The first byte chooses how much
// memory there is.
#include "test/unit/store_program.cpp"
#include "test/unit/store_program_blocks.cpp"

#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using gamelan::store::StoreProgram;
    if (size == 0)
        return 0;
    try {
        const auto memory = data[0] % 2 == 0 ? StoreProgram::Memory::plenty : StoreProgram::Memory::scarce;
        StoreProgram({data + 1, size - 1}, memory).run();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        std::abort();
    }
    return 0;
}
