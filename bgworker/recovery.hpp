// Bringing a world back: the version in shared memory if a worker died, else the newest sound checkpoint,
// else its beginning; then the log. Every row's place in the hash chain and every state hash on the way is
// compared.
#pragma once

#include "bgworker/hosted_world.hpp"

namespace gamelan::worker {

enum class RecoveryResult {
    ready,   // the world stands where it was
    waiting, // data is missing that a restore may still bring; try again later
    failed,  // and the world's reason says why; nothing was deleted
    locked,  // the same, for want of a key: it may come
    stopped, // the worker is asked to end
};

// Loads the world and leaves it unpublished or published at its newest durable tick. Sets its state and
// reason except for `ready`. Own transactions.
RecoveryResult recover(HostedWorld& world, const DefinitionRow& definition);

} // namespace gamelan::worker
